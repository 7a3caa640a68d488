"""opt-in requests, what people agree to, and the evidence of it"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OPEN_ROWS = sa.text("state IN ('requested', 'awaiting_yes', 'awaiting_pin')")


def upgrade() -> None:
    op.create_table(
        "opt_in_wording",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("number", BigId, nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("brand", sa.String(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("frequency", sa.String(), nullable=False),
        sa.Column("terms_url", sa.String(), nullable=False),
        sa.Column("privacy_url", sa.String(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_opt_in_wording_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_in_wording")),
        sa.UniqueConstraint("account_id", "number", name=op.f("uq_opt_in_wording_account_id_number")),
    )
    op.create_table(
        "opt_in_request",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("wording_id", BigId, nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("message_id", BigId, nullable=True),
        sa.Column("answer_id", BigId, nullable=True),
        sa.Column("code_message_id", BigId, nullable=True),
        sa.Column("code_salt", sa.String(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("tries", BigId, nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("event_id", BigId, nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_opt_in_request_{column}_{table}"))
            for column, table in (
                ("account_id", "account"), ("contact_id", "contact"), ("wording_id", "opt_in_wording"),
                ("sender_id", "sending_number"), ("message_id", "message"), ("answer_id", "message"),
                ("code_message_id", "message"), ("event_id", "consent_event"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_in_request")),
    )  # fmt: skip
    where = {"sqlite_where": OPEN_ROWS, "postgresql_where": OPEN_ROWS}
    op.create_index("uq_opt_in_request_open", "opt_in_request", ["account_id", "phone"], unique=True, **where)
    op.create_index("ix_opt_in_request_open", "opt_in_request", ["id"], **where)
    op.create_index("ix_opt_in_request_account_id_phone", "opt_in_request", ["account_id", "phone", "created_at"])
    op.create_index("ix_opt_in_request_account_id_id", "opt_in_request", ["account_id", "id"])
    op.create_table(
        "opt_in_capture",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("wording_id", BigId, nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("page_sha256", sa.String(), nullable=False),
        sa.Column("captured_by", sa.String(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_opt_in_capture_account_id_account")),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["opt_in_wording.id"], name=op.f("fk_opt_in_capture_wording_id_opt_in_wording")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_in_capture")),
        sa.UniqueConstraint("wording_id", "sha256", name=op.f("uq_opt_in_capture_wording_id_sha256")),
    )


def downgrade() -> None:
    for table in ("opt_in_capture", "opt_in_request", "opt_in_wording"):
        op.drop_table(table)
