"""the engine"""

import sqlalchemy as sa
from alembic import op

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


UNIQUE = {
    "uq_message_event_id_step": ["event_id", "step"],
    "uq_message_conversation_id_reply_key": ["conversation_id", "reply_key"],
}
BY_PHONE = "run_id IS NULL OR status <> 'pending'"


def upgrade() -> None:
    cheaper_rows()
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
    op.add_column("sending_number", sa.Column("served_by", sa.String(), nullable=True))
    op.add_column("sending_number", sa.Column("served_until", sa.DateTime(timezone=True), nullable=True))


def cheaper_rows() -> None:
    """What every inserted row paid for and few used: two unique keys that are mostly null, phones in order, a second tree.

    On SQLite these two tables are copied; `models.schema.altering` sees to it that no reference is lost.
    """
    recreate = "always" if op.get_context().dialect.name == "sqlite" else "never"
    index("message", "ix_message_account_id_phone", ["account_id", "phone", "id"], where=BY_PHONE)
    with op.batch_alter_table("message", recreate=recreate) as message:
        for name in UNIQUE:
            message.drop_constraint(name, type_="unique")
    for name, columns in UNIQUE.items():
        op.create_index(name, "message", columns, unique=True, **partial(f"{columns[0]} IS NOT NULL"))
    index(
        "contact", "ix_contact_account_id_external_id", ["account_id", "external_id"], where="external_id IS NOT NULL"
    )
    if recreate == "always":
        by_key(with_rowid=False)
    else:  # many updates to come: leave room in each page, and clean up early
        op.execute("ALTER TABLE message SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01)")


def partial(where: str | None) -> dict[str, sa.TextClause]:
    return {} if where is None else {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}


def index(table: str, name: str, columns: list[str], *, where: str | None) -> None:
    """Make an index anew, for other rows."""
    op.drop_index(name, table_name=table)
    op.create_index(name, table, columns, **partial(where))


def by_key(*, with_rowid: bool) -> None:
    """SQLite: keep the rows of audiences in the order of their key alone, or in a tree of their own beside it."""
    op.rename_table("audience_row", "audience_row_before")
    op.drop_index("ix_audience_row_audience_id_contact_id", table_name="audience_row_before")
    op.create_table(
        "audience_row",
        sa.Column("audience_id", BigId, nullable=False),
        sa.Column("row", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_audience_row_audience_id_audience")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_audience_row_contact_id_contact")),
        sa.PrimaryKeyConstraint("audience_id", "row", name=op.f("pk_audience_row")),
        sqlite_with_rowid=with_rowid,
    )
    columns = "audience_id, row, contact_id, fields, reason, detail"
    op.execute(
        f"INSERT INTO audience_row ({columns}) SELECT {columns} FROM audience_row_before ORDER BY audience_id, row"
    )
    op.drop_table("audience_row_before")
    op.create_index("ix_audience_row_audience_id_contact_id", "audience_row", ["audience_id", "contact_id"])


def dearer_rows() -> None:
    """The opposite of `cheaper_rows`."""
    recreate = "always" if op.get_context().dialect.name == "sqlite" else "never"
    index("message", "ix_message_account_id_phone", ["account_id", "phone", "id"], where=None)
    for name in UNIQUE:
        op.drop_index(name, table_name="message")
    with op.batch_alter_table("message", recreate=recreate) as message:
        for name, columns in UNIQUE.items():
            message.create_unique_constraint(name, columns)
    index("contact", "ix_contact_account_id_external_id", ["account_id", "external_id"], where=None)
    if recreate == "always":
        by_key(with_rowid=True)
    else:
        op.execute("ALTER TABLE message RESET (fillfactor, autovacuum_vacuum_scale_factor)")


def downgrade() -> None:
    op.drop_index("ix_message_outcome", table_name="message")
    for table, columns in {
        "sending_number": ["served_until", "served_by", "slow_until", "backoff"],
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
    dearer_rows()
