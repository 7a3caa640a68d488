"""What does a decision about one person rest on? Facts, each with the row that it stands on, and the steps in their order.

A fact is a short name and a value, for people and for a file alike. Numbers, names and bodies are none of them: whoever shows a
record shows those by the rights of the person who looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.campaigns import Audience, AudienceRow, Campaign, Lane, Run
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import Callback, Message
from models.templates import TemplateVersion
from sender.schedule import NAMED, Window, window_of
from sender.scopes import scope
from sender.whereabouts import whereabouts


class Topic(StrEnum):
    """What a fact is about, in the order in which they are shown."""

    LIST = "list"
    NUMBER = "number"
    COUNTRY = "country"
    WINDOW = "window"
    TEXT = "text"
    SENDER = "sender"
    SENDING = "sending"
    PRICE = "price"


@dataclass(frozen=True)
class Fact:
    """One thing that was known. `of` names the row it stands on: (table, id)."""

    topic: Topic
    name: str
    value: str | int | datetime | None
    of: tuple[str, int] | None = None


@dataclass(frozen=True)
class Step:
    """Something that happened, aware UTC."""

    at: datetime
    title: str
    said: str = ""


T = Topic


def of_list(row: AudienceRow, audience: Audience) -> Iterator[Fact]:
    """The row of the list, and the file that it came in."""
    yield Fact(T.LIST, "List", audience.name, ("audience", audience.id))
    yield Fact(T.LIST, "Row", row.row)
    yield Fact(T.LIST, "File", audience.filename)
    yield Fact(T.LIST, "SHA-256 of the file", audience.sha256)
    yield Fact(T.LIST, "Read", audience.created_at)


def of_number(contact: Contact) -> Iterator[Fact]:
    """What the number tells."""
    yield Fact(T.NUMBER, "Country", contact.region, ("contact", contact.id))
    yield Fact(T.NUMBER, "Line", contact.line_type.replace("_", " "))
    yield Fact(T.NUMBER, "Time zone", contact.time_zone or contact.time_zones.replace(",", ", ") or "not known")


def of_country(session: Session, account_id: int, region: str) -> Iterator[Fact]:
    """The country's settings as they are now, and since when they are so."""
    setting = country(session, account_id, region)
    if setting is None:
        yield Fact(T.COUNTRY, "Setting", "none: the country is disabled")
        return
    hours = f"{setting.opens_at or '00:00'}–{setting.closes_at or '24:00'}"
    yield Fact(T.COUNTRY, "Setting", "enabled" if setting.enabled else "disabled", ("country_setting", setting.id))
    yield Fact(T.COUNTRY, "Hours", hours if setting.opens_at or setting.closes_at else "at any hour")
    yield Fact(T.COUNTRY, "Landlines", "texted" if setting.landlines else "not texted")
    yield Fact(T.COUNTRY, "Unchanged since", setting.updated_at)


def country(session: Session, account_id: int, region: str) -> CountrySetting | None:
    """The account's setting of a country; one without a row is disabled."""
    mine = (CountrySetting.account_id == account_id, CountrySetting.region == region)
    return session.scalars(select(CountrySetting).where(*mine)).first()


def of_window(window: Window | Lane, zones: str, at: datetime) -> Iterator[Fact]:
    """The hours, and the time that it is at `at` where the person may be."""
    yield Fact(T.WINDOW, "Hours", window.why, ("lane", window.id) if isinstance(window, Lane) else None)
    yield Fact(T.WINDOW, "Open from", window.opens_at)
    yield Fact(T.WINDOW, "Open until", window.closes_at)
    yield Fact(T.WINDOW, "Local time then", local_times(zones, at))


def local_times(zones: str, at: datetime) -> str:
    """The wall time in the zones (comma-separated): "10:00 EST in America/New_York"."""
    known = [zone for zone in zones.split(",") if zone]
    if not known:
        return "not known"
    said = ", ".join(f"{at.astimezone(ZoneInfo(zone)):%H:%M %Z} in {zone}" for zone in known[:NAMED])
    return said if len(known) <= NAMED else f"{said} and {len(known) - NAMED} more zones"


def hours(session: Session, account: Account, contact: Contact, purpose: Purpose, now: datetime) -> Window:
    """The window that a text to this contact would have now."""
    where = whereabouts(
        contact.phone, contact.region, [zone for zone in (contact.time_zone or contact.time_zones).split(",") if zone],
        address=contact.address_region or "", quiet=contact.quiet_hours, own_zone=bool(contact.time_zone),
    )  # fmt: skip
    setting = country(session, account.id, contact.region)
    return window_of(where, scope(session, account, purpose), now, setting=setting)


def of_text(version: TemplateVersion, message: Message | None = None) -> Iterator[Fact]:
    """Which wording, and what it was when it was filled in."""
    yield Fact(T.TEXT, "Template", str(version), ("template", version.template_id))
    if message is not None:
        yield Fact(T.TEXT, "Segments", message.segments)
        yield Fact(T.TEXT, "Encoding", f"{message.encoding}, {message.units} units")


def of_sending(session: Session, message: Message) -> Iterator[Fact]:
    """From whom, how often it was tried, and what Twilio said of it."""
    sender = session.get(SendingNumber, message.sender_id) if message.sender_id else None
    if sender is not None:
        yield Fact(T.SENDER, "From", sender.label, ("sending_number", sender.id))
        yield Fact(T.SENDER, "Kind", sender.kind.value.replace("_", " "))
    yield Fact(T.SENDING, "Attempts", message.attempt, ("message", message.id))
    yield Fact(T.SENDING, "Status", message.status.value.replace("_", " "))
    yield Fact(T.SENDING, "SID", message.sid)
    yield Fact(T.SENDING, "Error code", message.error_code)
    yield Fact(T.PRICE, "Twilio's price", message.twilio_price_u)


def run_steps(run: Run, campaign: Campaign) -> Iterator[Step]:
    """When the run began and ended."""
    if run.started_at is not None:
        yield Step(run.started_at, f"Run {run.number} of {campaign.name} started")


def message_steps(session: Session, message: Message) -> Iterator[Step]:
    """The message's story: ours, then every callback as it came."""
    yield Step(message.created_at, "Text made", f"{message.segments} segment{'s' * (message.segments != 1)}")
    if message.intent_at is not None:
        said = "Noted before anything left, so that it cannot be sent twice."
        yield Step(message.intent_at, f"Claimed, attempt {message.attempt}", said)
    if message.sent_at is not None:
        yield Step(message.sent_at, "Taken by Twilio")
    if message.reason is not None and message.final_at is not None:
        yield Step(message.final_at, "Set aside", message.reason.value.replace("_", " "))
    reports = select(Callback).where(Callback.message_id == message.id).order_by(Callback.id)
    for one in session.scalars(reports):
        error = f"Error {one.error_code}." if one.error_code else ""
        said = "" if one.applied else "Came late or again; the status did not change."
        yield Step(one.received_at, f"Twilio: {one.status}", f"{error} {said}".strip())
