"""flags"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_flag",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_by", sa.String(), nullable=False),
        sa.Column("cleared_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_contact_flag_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_flag")),
    )
    standing = sa.text("cleared_at IS NULL")
    op.create_index(
        "uq_contact_flag_standing",
        "contact_flag",
        ["account_id", "phone", "kind", "since"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    op.create_index("ix_contact_flag_account_id_id", "contact_flag", ["account_id", "id"])
    op.create_index("ix_contact_flag_account_id_phone", "contact_flag", ["account_id", "phone", "id"])


def downgrade() -> None:
    op.drop_table("contact_flag")
