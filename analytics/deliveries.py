"""What is one delivery? The canonical select over messages, their campaign, template and sender, with every column described.

A delivery is a message that Twilio has spoken about (`accepted` and later words, refusals included); what still waits here is
not counted. Its day is the UTC day on which Twilio took it, or on which we made it where Twilio never did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    FromClause,
    Select,
    String,
    func,
    select,
    true,
    type_coerce,
)

from analytics.frames import Field, tidy
from analytics.portable import xday, xmonth
from models.accounts import Account, SendingNumber
from models.campaigns import Campaign, Run
from models.charges import Charge
from models.messages import RANK, Message, MessageStatus
from models.templates import Template, TemplateVersion

if TYPE_CHECKING:
    import pandas as pd

COUNTED = tuple(sorted(status.value for status in MessageStatus if RANK[status] >= RANK[MessageStatus.ACCEPTED]))
"""The words of `models.rollups.fact`: a message counts from the first one that Twilio said."""

TAKEN_AT: ColumnElement[Any] = func.coalesce(Message.sent_at, Message.created_at)
SQL_TYPES: dict[str, Any] = {
    "text": String(),
    "id": BigInteger(),
    "count": BigInteger(),
    "money": BigInteger(),
    "date": Date(),
    "flag": Boolean(),
}


@dataclass(frozen=True)
class Column:
    """One column of a delivery: how to select it, which table beyond `message` that needs, and what it means."""

    name: str
    holds: str
    unit: str
    meaning: str
    expression: Any
    needs: str = ""

    def selected(self) -> ColumnElement[Any]:
        """The column under its own name, as a plain value (words as text, never an enum)."""
        plain = type_coerce(self.expression, SQL_TYPES[self.holds]) if self.holds in SQL_TYPES else self.expression
        return plain.label(self.name)


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("message_id", "id", "", "Our number of the message.", Message.id),
        Column("sid", "text", "", "Twilio's id; null if Twilio never took the message.", Message.sid),
        Column("day", "date", "UTC day", "Day on which Twilio took the message, else on which we made it.", xday(TAKEN_AT)),
        Column("month", "date", "UTC month", "First day of that day's month.", xmonth(TAKEN_AT)),
        Column("account_id", "id", "", "Number of the account.", Message.account_id),
        Column("account", "text", "", "Short name (slug) of the account.", Account.slug, "account"),
        Column("campaign_id", "id", "", "Number of the campaign; null for replies, events and inbound.", Run.campaign_id, "run"),
        Column("campaign", "text", "", "Name of the campaign.", Campaign.name, "campaign"),
        Column("run_id", "id", "", "Number of the run.", Message.run_id),
        Column("template_id", "id", "", "Number of the template; null if none was used.", TemplateVersion.template_id, "version"),
        Column("template", "text", "", "Name of the template.", Template.name, "template"),
        Column("sender_id", "id", "", "Number of our sender.", Message.sender_id),
        Column("sender", "text", "", "Label of the number, short code or name it went through.", SendingNumber.label, "sender"),
        Column("sender_kind", "text", "", "toll_free, long_code, short_code …", SendingNumber.kind, "sender"),
        Column("direction", "text", "", "outbound or inbound.", Message.direction),
        Column("kind", "text", "", "sms (billed by segment) or mms (by message).", Message.kind),
        Column("region", "text", "ISO 3166-1 alpha-2", "Country of the other party's number.", Message.region),
        Column("country", "text", "ISO 3166-1 alpha-2", "The same as region.", Message.region),
        Column("encoding", "text", "", "GSM-7 or UCS-2.", Message.encoding),
        Column("status", "text", "", "Twilio's word for where it stands.", Message.status),
        Column("error_code", "id", "Twilio's code", "Why it failed; null where nothing did.", Message.error_code),
        Column("segments", "count", "segments", "Our count, frozen when the message was made.", Message.segments),
        Column("twilio_segments", "count", "segments", "Twilio's count; null until known.", Message.twilio_segments),
        Column("twilio_price_u", "money", "micro-dollars", "What Twilio says it took, carrier fees included; null until known.",
               Message.twilio_price_u),
        Column("created_at", "time", "UTC", "When we made the row.", Message.created_at),
        Column("sent_at", "time", "UTC", "When Twilio took it; null if it never did.", Message.sent_at),
        Column("final_at", "time", "UTC", "When the last word came; null until then.", Message.final_at),
    )
}  # fmt: skip

CHARGE_COLUMNS: dict[str, Column] = {name: replace(c, needs=c.needs or "message") for name, c in COLUMNS.items()} | {
    column.name: column
    for column in (
        Column("day", "date", "UTC day", "Day that the charge belongs to.", Charge.day),
        Column("month", "date", "UTC month", "First day of that day's month.", xmonth(Charge.day)),
        Column("account_id", "id", "", "Number of the account.", Charge.account_id),
        Column("run_id", "id", "", "Number of the run.", Charge.run_id),
        Column("region", "text", "ISO 3166-1 alpha-2", "Country that the rate was chosen for.", Charge.region),
        Column("country", "text", "ISO 3166-1 alpha-2", "The same as region.", Charge.region),
        Column("charge", "text", "", "message, carrier_fee, failed_message, pumping_protection …", Charge.kind),
    )
}
"""The same columns for a posted charge, which carries its own day, account, run and country."""

PATHS = {"campaign": ("run",), "version": ("message", "run"), "template": ("version",), "sender": ("message",)}
"""The tables that a joined table hangs on."""

DIMENSIONS: dict[str, tuple[str, ...]] = {
    **{
        name: (name,)
        for name in ("day", "month", "sender_kind", "direction", "kind", "region", "encoding", "status", "error_code")
    },
    "account": ("account_id", "account"),
    "campaign": ("campaign_id", "campaign"),
    "run": ("run_id",),
    "template": ("template_id", "template"),
    "sender": ("sender_id", "sender"),
    "country": ("country",),
}
"""What `by=` may name, and the columns that this gives. A name alone may belong to two accounts, so its number goes with it."""


@dataclass(frozen=True)
class View:
    """Something to select from: its columns, the rows it starts from, and where those keep account and run."""

    columns: Mapping[str, Column]
    source: FromClause
    account: ColumnElement[Any]
    run: ColumnElement[Any]
    where: ColumnElement[bool]
    message: ColumnElement[bool] | None = None
    """How a message is found from a row, where the rows are not messages themselves."""

    def select(self, names: Iterable[str], *extra: ColumnElement[Any], joining: Iterable[str] = ()) -> Select[Any]:
        """Select columns by name (and anything else), with only the joins that these and the names in `joining` need."""
        names = list(names)
        selected = [self.columns[name].selected() for name in names]
        return select(*selected, *extra).select_from(self._joined([*names, *joining])).where(self.where)

    def _joined(self, names: Iterable[str]) -> FromClause:
        needed: set[str] = set()
        steps = [self.columns[name].needs for name in names]
        while steps:
            step = steps.pop()
            needed.add(step)
            steps += PATHS.get(step, ())
        version = func.coalesce(Message.template_version_id, Run.template_version_id)
        joins: Mapping[str, tuple[Any, ColumnElement[bool] | None]] = {
            "message": (Message, self.message),
            "account": (Account, Account.id == self.account),
            "run": (Run, Run.id == self.run),
            "campaign": (Campaign, Campaign.id == Run.campaign_id),
            "version": (TemplateVersion, TemplateVersion.id == version),
            "template": (Template, Template.id == TemplateVersion.template_id),
            "sender": (SendingNumber, SendingNumber.id == Message.sender_id),
        }
        source = self.source
        for name, (table, condition) in joins.items():
            if name in needed and condition is not None:
                source = source.outerjoin(table.__table__, condition)
        return source


MESSAGES = View(
    COLUMNS,
    Message.__table__,
    Message.__table__.c.account_id,
    Message.__table__.c.run_id,
    type_coerce(Message.status, String()).in_(COUNTED),
)
"""Every delivery."""

CHARGES = View(
    CHARGE_COLUMNS,
    Charge.__table__,
    Charge.__table__.c.account_id,
    Charge.__table__.c.run_id,
    true(),
    Charge.__table__.c.message_id == Message.__table__.c.id,
)
"""Every posted charge, reversals included; one of no message has null in the message's columns."""


def describe() -> pd.DataFrame:
    """Every column of a delivery: name, type, unit and meaning, one row each."""
    rows = [(column.name, column.holds, column.unit, column.meaning) for column in COLUMNS.values()]
    fields = [Field(name, "text") for name in ("name", "type", "unit", "meaning")]
    return tidy(fields, rows, attrs={"source": "analytics.deliveries"})
