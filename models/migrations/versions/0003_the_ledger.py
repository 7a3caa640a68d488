"""the ledger"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FIRST = "0" * 64
EVENT = sa.table(
    "consent_event",
    *(sa.column(name) for name in ("id", "account_id", "phone", "kind", "purpose", "source", "reason", "message_id")),
    *(sa.column(name) for name in ("actor", "salt", "content_hash", "previous_hash", "hash")),
    sa.column("evidence", sa.JSON()),
    sa.column("at", sa.DateTime(timezone=True)),
)
REFUSAL = "consent_event is append-only"


def upgrade() -> None:
    nothing = sa.text("''")
    for name in ("salt", "content_hash"):
        op.add_column("consent_event", sa.Column(name, sa.String(), nullable=False, server_default=nothing))
    rechain(old_hash, committed)
    (refuse_on_sqlite if sqlite() else refuse_on_postgres)()


def downgrade() -> None:
    for event in ("insert", "update", "delete") if sqlite() else ():
        op.execute(f"DROP TRIGGER consent_event_{event}")
    if not sqlite():
        for trigger in ("rows", "table"):
            op.execute(f"DROP TRIGGER consent_event_{trigger} ON consent_event")
        op.execute("DROP FUNCTION consent_event_append_only()")
    rechain(kept, lambda event, previous: {"hash": old_hash(event, previous)})
    for name in ("salt", "content_hash"):
        op.drop_column("consent_event", name)


def sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def refuse_on_sqlite() -> None:
    """REPLACE deletes without asking a trigger (sqlite.org/lang_conflict.html), so a row that is there may not come again."""
    again = "id = NEW.id OR hash = NEW.hash OR (account_id = NEW.account_id AND previous_hash = NEW.previous_hash)"
    for event, when in (
        ("insert", f"WHEN EXISTS (SELECT 1 FROM consent_event WHERE {again})"),
        ("update", ""),
        ("delete", ""),
    ):
        op.execute(
            f"CREATE TRIGGER consent_event_{event} BEFORE {event.upper()} ON consent_event {when} "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def refuse_on_postgres() -> None:
    op.execute(
        "CREATE FUNCTION consent_event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
    )
    for name, events, each in (("rows", "UPDATE OR DELETE", "ROW"), ("table", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER consent_event_{name} BEFORE {events} ON consent_event "
            f"FOR EACH {each} EXECUTE FUNCTION consent_event_append_only()"
        )


Event = dict[str, Any]


def rechain(present: Callable[[Event, str], str], changed: Callable[[Event, str], Event]) -> None:
    """Seal every chain in the other form. From the first event on that does not fit, the seals stay as they are: still broken."""
    bind = op.get_bind()
    for account_id in bind.scalars(sa.select(EVENT.c.account_id).distinct()).all():
        before = after = FIRST
        for event in events(bind, account_id):
            if (event["previous_hash"], event["hash"]) != (before, present(event, before)):
                break
            values = {"previous_hash": after, **changed(event, after)}
            bind.execute(sa.update(EVENT).where(EVENT.c.id == event["id"]).values(values))
            before, after = event["hash"], values["hash"]


def events(bind: sa.Connection, account_id: int) -> Iterator[Event]:
    """An account's, oldest first; a thousand at a time, as they are changed meanwhile."""
    chain = sa.select(EVENT).where(EVENT.c.account_id == account_id).order_by(EVENT.c.id).limit(1_000)
    rows = bind.execute(chain).mappings().all()
    while rows:
        for row in rows:
            at = row["at"].replace(tzinfo=UTC) if row["at"].tzinfo is None else row["at"].astimezone(UTC)
            yield {**row, "at": at.isoformat()}
        rows = bind.execute(chain.where(EVENT.c.id > rows[-1]["id"])).mappings().all()


def committed(event: Event, previous: str) -> Event:
    salt = secrets.token_hex(16)
    content_hash = hashed(salt, content(event))
    return {
        "salt": salt, "content_hash": content_hash, "hash": hashed(previous, {**facts(event), "content": content_hash}),
    }  # fmt: skip


def kept(event: Event, previous: str) -> str:
    """The hash of an event that has a salt; none where its content is not what was committed to."""
    if event["content_hash"] != hashed(event["salt"], content(event)):
        return ""
    return hashed(previous, {**facts(event), "content": event["content_hash"]})


def old_hash(event: Event, previous: str) -> str:
    return hashed(previous, {**facts(event), **content(event)})


def content(event: Event) -> Event:
    return {name: event[name] for name in ("phone", "reason", "evidence")}


def facts(event: Event) -> Event:
    names = {"account": "account_id", "message": "message_id"}
    return {
        name: event[names.get(name, name)]
        for name in ("account", "kind", "purpose", "source", "message", "actor", "at")
    }


def hashed(first: str, facts: Event) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(f"{first}\n{text}".encode()).hexdigest()
