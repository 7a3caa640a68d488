"""the right to be forgotten"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REFUSAL = "consent_event is append-only"
MOMENT, WORD = sa.DateTime(timezone=True), sa.String()
COLUMNS = (
    ("account", "retained_to", MOMENT), ("account", "number_key", sa.Text()), ("message", "number_hash", WORD),
    ("contact", "erased_at", MOMENT), ("conversation", "erased_at", MOMENT), ("audience", "erased_at", MOMENT),
    ("audit_entry", "erased_at", MOMENT), ("consent_event", "erased_at", MOMENT), ("consent_event", "number_hash", WORD),
)  # fmt: skip
KEPT = ("id", "account_id", "kind", "purpose", "source", "message_id", "actor", "at", "content_hash", "previous_hash", "hash")
"""Columns of an event that outlive what it said of a person."""


def upgrade() -> None:
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    there = sa.text("number_hash IS NOT NULL")
    op.create_index(
        "ix_consent_event_account_id_number_hash", "consent_event", ["account_id", "number_hash", "id"],
        sqlite_where=there, postgresql_where=there,
    )  # fmt: skip
    if sqlite():
        op.execute("DROP TRIGGER consent_event_update")
        refuse_update(f"WHEN NOT coalesce({erasing('IS')}, 0)")
    else:
        pass_on_postgres(f"IF TG_OP = 'UPDATE' THEN IF coalesce({erasing('IS NOT DISTINCT FROM')}, false) THEN RETURN NEW; END IF; END IF;")  # fmt: skip


def downgrade() -> None:
    erased = op.get_bind().scalar(sa.text("SELECT count(*) FROM consent_event WHERE number_hash IS NOT NULL"))
    if erased:
        raise RuntimeError(
            "People were erased from this database: the version before it would text those who opted out. Nothing was changed."
        )
    if sqlite():
        op.execute("DROP TRIGGER consent_event_update")
        refuse_update("")
    else:
        pass_on_postgres("")
    op.drop_index("ix_consent_event_account_id_number_hash", table_name="consent_event")
    for table, name, _ in reversed(COLUMNS):
        op.drop_column(table, name)


def sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def erasing(same: str) -> str:
    """The one change of an event that passes, as a condition that is false or null for every other."""
    blank = "NEW.phone = '' AND NEW.reason = '' AND NEW.salt = '' AND CAST(NEW.evidence AS text) = '{}'"
    hashed = "length(NEW.number_hash) = 64 AND (OLD.number_hash IS NULL OR OLD.number_hash = NEW.number_hash)"
    kept = " AND ".join(f"NEW.{name} {same} OLD.{name}" for name in KEPT)
    return f"(OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND OLD.phone <> '' AND {blank} AND {hashed} AND {kept})"


def refuse_update(when: str) -> None:
    op.execute(
        f"CREATE TRIGGER consent_event_update BEFORE UPDATE ON consent_event {when} "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    )


def pass_on_postgres(first: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION consent_event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {first} RAISE EXCEPTION '{REFUSAL}'; END $$"
    )
