"""the engine"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("every_seconds", BigId, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("turns", BigId, nullable=False),
        sa.Column("failures", BigId, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job")),
    )
    op.create_table(
        "worker_process",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("all_senders", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_process")),
    )
    op.create_table(
        "notice",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("campaign_id", BigId, nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", BigId, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_notice_account_id_account")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_notice_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("account_id", "cause", name=op.f("uq_notice_account_id_cause")),
    )
    op.create_index(
        "ix_notice_unsent",
        "notice",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    outcome = sa.text("status IN ('delivered', 'undelivered', 'failed', 'read')")
    op.create_index(
        "ix_message_outcome", "message", ["run_id", "final_at"], sqlite_where=outcome, postgresql_where=outcome
    )

    # Plain ADD COLUMN with a default, never a copy of the table: rows are there already, and SQLite checks foreign keys.
    nothing = sa.text("0")
    op.add_column("account", sa.Column("backoff", BigId, nullable=False, server_default=nothing))
    op.add_column("account", sa.Column("concurrency", BigId, nullable=False, server_default=sa.text("100")))
    op.add_column("account", sa.Column("held_why", sa.Text(), nullable=False, server_default=""))
    op.add_column("account", sa.Column("twilio_test_sid", sa.String(), nullable=True))
    op.add_column("account", sa.Column("twilio_test_token", sa.Text(), nullable=True))
    op.add_column("campaign", sa.Column("time_zone", sa.String(), nullable=True))
    op.add_column("campaign", sa.Column("next_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("campaign", sa.Column("why", sa.Text(), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("archived_from", sa.String(length=32), nullable=True))
    op.execute("UPDATE campaign SET next_at = starts_at WHERE state = 'scheduled'")
    op.drop_index("ix_campaign_state_starts_at", table_name="campaign")
    op.create_index("ix_campaign_state_next_at", "campaign", ["state", "next_at"])
    op.add_column("run", sa.Column("occurrence", sa.String(), nullable=True))
    op.add_column("run", sa.Column("skipped", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("run", sa.Column("why", sa.Text(), nullable=False, server_default=""))
    op.add_column("run", sa.Column("budget_segments", BigId, nullable=True))
    op.add_column("run", sa.Column("served_us", sa.BigInteger(), nullable=False, server_default=nothing))
    op.create_index("uq_run_campaign_id_occurrence", "run", ["campaign_id", "occurrence"], unique=True)
    op.add_column("sending_number", sa.Column("backoff", BigId, nullable=False, server_default=nothing))
    op.add_column("sending_number", sa.Column("slow_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_index("ix_message_outcome", table_name="message")
    for table, columns in {
        "sending_number": ["slow_until", "backoff"],
        "run": ["served_us", "budget_segments", "why", "skipped", "occurrence"],
        "campaign": ["archived_from", "why", "next_at", "time_zone"],
        "account": ["twilio_test_token", "twilio_test_sid", "held_why", "concurrency", "backoff"],
    }.items():
        if table == "run":
            op.drop_index("uq_run_campaign_id_occurrence", table_name="run")
        if table == "campaign":
            op.drop_index("ix_campaign_state_next_at", table_name="campaign")
            op.create_index("ix_campaign_state_starts_at", "campaign", ["state", "starts_at"])
        for column in columns:
            op.drop_column(table, column)
    for table in ("notice", "worker_process", "job"):
        op.drop_table(table)
