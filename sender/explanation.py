"""Why was this person texted, or not, and how do we know? One code, one sentence, the evidence, and what would change it.

For a campaign that has not run the answer is what would happen now, by the very decisions that a run takes. For a run it is what
did happen: consent and flags are told as they stood when it was decided, settings as they are now and since when. A row that was
left out at the start was decided at the start, one that was set aside later then, and a text at its claim.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.campaigns import Audience, AudienceRow, Campaign, CampaignState, Exclusion, Lane, Reason, Run
from models.consent import BLOCKING, ConsentEvent, ConsentKind
from models.contacts import Contact
from models.flags import ContactFlag
from models.messages import Message, MessageStatus
from models.templates import TemplateVersion
from sender import consent, evidence, exclusions, flags
from sender.consent import Decision
from sender.evidence import Fact, Step
from sender.expansion import decide
from sender.recipients import recipients, terms
from sender.remedies import REMEDIES, Remedy
from sender.schedule import Window


class Standing(StrEnum):
    """Where somebody stands whom no reason keeps from being texted. Together with `Reason`, everything there is."""

    NOT_LISTED = "not_listed"
    NOT_REACHED = "not_reached"
    FORGOTTEN = "forgotten"
    WOULD_BE_TEXTED = "would_be_texted"
    WOULD_WAIT = "would_wait"
    WOULD_BE_HELD = "would_be_held"
    WAITING = "waiting"
    LEAVING = "leaving"
    IN_DOUBT = "in_doubt"
    PARKED = "parked"
    SET_ASIDE = "set_aside"
    WITH_TWILIO = "with_twilio"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    TAKEN_BACK = "taken_back"


S, M = Standing, MessageStatus
OF_STATUS: dict[MessageStatus, Standing] = {
    M.PENDING: S.WAITING, M.CLAIMED: S.LEAVING, M.IN_DOUBT: S.IN_DOUBT, M.UNKNOWN: S.PARKED, M.SKIPPED: S.SET_ASIDE,
    M.ACCEPTED: S.WITH_TWILIO, M.SCHEDULED: S.WITH_TWILIO, M.QUEUED: S.WITH_TWILIO, M.SENDING: S.WITH_TWILIO, M.SENT: S.SENT,
    M.DELIVERED: S.DELIVERED, M.READ: S.READ, M.UNDELIVERED: S.UNDELIVERED, M.FAILED: S.FAILED, M.CANCELED: S.TAKEN_BACK,
}  # fmt: skip
"""What each status of an outbound message says of its recipient."""
SENTENCES: dict[Standing, str] = {
    S.NOT_LISTED: "They are not on the list of this campaign.",
    S.NOT_REACHED: "The run has not come to their row of the list yet.",
    S.FORGOTTEN: "The person was erased since: the row and its text still count, who they were is not known any more.",
    S.WOULD_BE_TEXTED: "They would get the text now.",
    S.WOULD_WAIT: "They would get the text when their hours open.",
    S.WOULD_BE_HELD: "Their text would be held: no hour is right in all the zones where they may be.",
    S.WAITING: "Their text is made and waits.",
    S.LEAVING: "Their text is being handed to Twilio at this moment.",
    S.IN_DOUBT: "The answer about their text was lost. Twilio is asked before anything else happens.",
    S.PARKED: "Nobody can prove whether their text left. A person has to decide.",
    S.SET_ASIDE: "Their text was set aside before it left.",
    S.WITH_TWILIO: "Twilio has their text, and sends it.",
    S.SENT: "Their text was sent. The carrier has it and has not said more.",
    S.DELIVERED: "Their text was sent and delivered.",
    S.READ: "Their text was sent, delivered and read.",
    S.UNDELIVERED: "Their text was sent, and the carrier could not deliver it.",
    S.FAILED: "Their text did not leave: Twilio or the carrier refused it.",
    S.TAKEN_BACK: "Their text was taken back before it left.",
}
"""What each means, for people."""
_REMEDIES: dict[Standing, tuple[Remedy, ...]] = {
    S.NOT_LISTED: (Remedy.ADD_TO_LIST,), S.WOULD_BE_HELD: (Remedy.SET_TIME_ZONE, Remedy.CHANGE_HOURS),
    S.PARKED: (Remedy.DECIDE,), S.TAKEN_BACK: (Remedy.SEND_AGAIN,),
}  # fmt: skip

BY_CONTACT = "INDEXED BY ix_audience_row_audience_id_contact_id"
"""Said to SQLite, which would else read the whole list for one person: it takes the first column of the key for enough."""


@dataclass(frozen=True)
class Explanation:
    """Why one person was texted by a run, or not; of a campaign (`run` None), why they would be or not."""

    code: Reason | Standing
    sentence: str
    campaign: Campaign
    at: datetime
    """When it was decided, as far as that is known; for a campaign that has not run, now."""
    run: Run | None = None
    row: int | None = None
    contact: Contact | None = None
    message: Message | None = None
    consent: Decision | None = None
    flags: tuple[ContactFlag, ...] = ()
    """Those that stood then."""
    facts: tuple[Fact, ...] = ()
    steps: tuple[Step, ...] = ()
    """Oldest first."""
    remedies: tuple[Remedy, ...] = ()

    @property
    def texted(self) -> bool:
        """Whether a text left, as far as anybody knows."""
        return self.code in (S.WITH_TWILIO, S.SENT, S.DELIVERED, S.READ, S.UNDELIVERED)


def explain(
    session: Session,
    subject: Run | Campaign,
    *,
    now: datetime,
    row: int | None = None,
    contact_id: int | None = None,
    phone: str | None = None,
) -> Explanation:
    """What became of one person of a run's list, or what a campaign would make of them: named by row, contact or E.164 phone.

    Exactly one of the three is given. A contact of another account is nobody.
    """
    if sum(one is not None for one in (row, contact_id, phone)) != 1:
        raise ValueError("Name a row, a contact or a phone, and only one of them.")
    if now.tzinfo is None:
        raise ValueError("An explanation was asked for at a time without a zone; pass an aware datetime.")
    run = subject if isinstance(subject, Run) else None
    campaign = session.get_one(Campaign, run.campaign_id) if run is not None else subject
    assert isinstance(campaign, Campaign)
    contact = _contact(session, campaign.account_id, contact_id, phone)
    found = _row(session, subject.audience_id, row, contact)
    if found is None:
        return _unlisted(session, campaign, run, contact, now)
    if run is None:
        return _ahead(session, campaign, found, now)
    return _happened(session, campaign, run, found, now)


def _contact(session: Session, account_id: int, contact_id: int | None, phone: str | None) -> Contact | None:
    which = Contact.id == contact_id if contact_id is not None else Contact.phone == phone
    return session.scalars(select(Contact).where(Contact.account_id == account_id, which)).first()


def _row(session: Session, audience_id: int, row: int | None, contact: Contact | None) -> AudienceRow | None:
    """The row itself; of a contact, the row that counts, else its first."""
    if row is not None:
        return session.get(AudienceRow, (audience_id, row))
    if contact is None:
        return None
    mine = (AudienceRow.audience_id == audience_id, AudienceRow.contact_id == contact.id)
    rows = select(AudienceRow).where(*mine).with_hint(AudienceRow, BY_CONTACT, "sqlite")
    return session.scalars(rows.order_by(AudienceRow.reason.is_not(None), AudienceRow.row).limit(1)).first()


def _unlisted(
    session: Session, campaign: Campaign, run: Run | None, contact: Contact | None, now: datetime
) -> Explanation:
    text = SENTENCES[S.NOT_LISTED]
    facts = evidence.of_number(contact) if contact else ()
    return _told(session, campaign, S.NOT_LISTED, text, now, run=run, contact=contact, facts=facts)


def _ahead(session: Session, campaign: Campaign, row: AudienceRow, now: datetime) -> Explanation:
    """What a run that starts now would make of a row; the segment limit, which depends on the rows before it, left aside."""
    audience = session.get_one(Audience, campaign.audience_id)
    version = session.get_one(TemplateVersion, campaign.template_version_id)
    given = terms(
        session, account_id=campaign.account_id, purpose=campaign.purpose, version=version, audience=audience, now=now
    )
    [rows] = recipients(session, audience.id, given, after=row.row - 1, until=row.row)
    decision = next(decide(session, rows, given))
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    window = evidence.hours(session, campaign.account, contact, campaign.purpose, now) if contact else None
    code = decision.reason or _would(window)
    sentence = exclusions.sentence(code, decision.detail) if isinstance(code, Reason) else SENTENCES[code]
    facts = [*_grounds(session, campaign, row, audience, contact), *evidence.of_text(version)]
    if decision.reason is None:
        facts.append(Fact(evidence.Topic.TEXT, "Segments", decision.size.segments))
    if contact is not None and window is not None:
        facts += evidence.of_window(window, contact.time_zone or contact.time_zones, now)
    return _told(session, campaign, code, sentence, now, row=row.row, contact=contact, facts=facts)


def _would(window: Window | None) -> Standing:
    if window is None or window.held:
        return S.WOULD_BE_HELD
    return S.WOULD_BE_TEXTED if window.open else S.WOULD_WAIT


def _grounds(
    session: Session, campaign: Campaign, row: AudienceRow, audience: Audience, contact: Contact | None
) -> list[Fact]:
    """What is known before any text: the row, the number, the country."""
    facts = list(evidence.of_list(row, audience))
    if contact is not None:
        facts += evidence.of_number(contact)
        facts += evidence.of_country(session, campaign.account_id, contact.region)
    return facts


def _happened(session: Session, campaign: Campaign, run: Run, row: AudienceRow, now: datetime) -> Explanation:
    """What a run made of a row: left out, not reached, or a message and what became of that."""
    audience = session.get_one(Audience, run.audience_id)
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    facts = _grounds(session, campaign, row, audience, contact)
    steps = list(evidence.run_steps(run, campaign))
    excluded = session.get(Exclusion, (run.id, row.row))
    message = _message(session, run, contact) if contact is not None and row.reason is None else None
    if message is not None and excluded is None:
        return _sent(session, campaign, run, row.row, contact, message, [*facts], steps, now)
    if excluded is not None:
        at = _excluded_at(session, campaign, run, contact, excluded.reason, now)
        code: Reason | Standing = excluded.reason
        sentence = exclusions.sentence(excluded.reason, excluded.detail)
        steps.append(Step(at, "Left out", sentence))
    else:
        reached = row.row <= run.expanded_to
        code, at = (S.FORGOTTEN, run.started_at or now) if reached else (S.NOT_REACHED, now)
        sentence = SENTENCES[code]
    facts += evidence.of_text(session.get_one(TemplateVersion, run.template_version_id))
    return _told(session, campaign, code, sentence, at, run=run, row=row.row, contact=contact, facts=facts, steps=steps)


def _message(session: Session, run: Run, contact: Contact) -> Message | None:
    mine = (Message.run_id == run.id, Message.contact_id == contact.id)
    return session.scalars(select(Message).where(*mine)).first()


def _excluded_at(
    session: Session, campaign: Campaign, run: Run, contact: Contact | None, reason: Reason, now: datetime
) -> datetime:
    """When a row was left out: at the start of its run; or, if its refusal came while the list was gone through, with that."""
    start = run.started_at or run.due_at
    if reason is not Reason.OPTED_OUT or contact is None:
        return start
    if not consent.as_of(session, campaign.account_id, contact.phone, campaign.purpose, start).allowed:
        return start
    later = select(ConsentEvent.at).where(
        ConsentEvent.account_id == campaign.account_id, ConsentEvent.phone == contact.phone, ConsentEvent.at > start,
        ConsentEvent.at <= now, ConsentEvent.kind.in_(sorted(BLOCKING)),
    )  # fmt: skip
    return session.scalar(later.order_by(ConsentEvent.id).limit(1)) or start


def _sent(
    session: Session, campaign: Campaign, run: Run, row: int, contact: Contact | None, message: Message, facts: list[Fact],
    steps: list[Step], now: datetime,
) -> Explanation:  # fmt: skip
    """What became of a message."""
    code: Reason | Standing = message.reason or OF_STATUS[message.status]
    aside = message.final_at if message.status is M.SKIPPED else None
    at = aside or (now if message.status is M.PENDING else message.intent_at) or now
    lane = session.get(Lane, message.lane_id) if message.lane_id else None
    facts += evidence.of_text(session.get_one(TemplateVersion, run.template_version_id), message)
    if lane is not None:
        facts += evidence.of_window(lane, lane.zones, message.sent_at or at)
    facts += evidence.of_sending(session, message)
    steps += evidence.message_steps(session, message)
    sentence = exclusions.sentence(code) if isinstance(code, Reason) else SENTENCES[code]
    if isinstance(code, Reason) and code is Reason.FLAGGED and contact is not None:
        stood = flags.as_of(session, campaign.account_id, contact.phone, campaign.purpose, at)
        sentence = exclusions.sentence(code, flags.detail(stood[0]) if stood else "")
    if code is S.WAITING:
        sentence = f"{SENTENCES[code]} {_wait(campaign, lane, now)}"
    return _told(
        session, campaign, code, sentence, at, run=run, row=row, contact=contact, message=message, facts=facts, steps=steps
    )  # fmt: skip


def _wait(campaign: Campaign, lane: Lane | None, now: datetime) -> str:
    """What a message waits for."""
    if campaign.state is CampaignState.PAUSED:
        return "The campaign is paused."
    if campaign.state is CampaignState.CANCELLED:
        return "The campaign was cancelled, so it will be set aside."
    if lane is not None and lane.held:
        return "No hour is right in all the zones where the person may be."
    if lane is not None and lane.opens_at is not None and lane.opens_at > now:
        return "Their hours are not open yet."
    return "Its turn has not come yet."


def _told(
    session: Session,
    campaign: Campaign,
    code: Reason | Standing,
    sentence: str,
    at: datetime,
    *,
    run: Run | None = None,
    row: int | None = None,
    contact: Contact | None = None,
    message: Message | None = None,
    facts: Iterable[Fact] = (),
    steps: Iterable[Step] = (),
) -> Explanation:
    """With the consent and the flags of that time, and what would change it."""
    account_id, purpose = campaign.account_id, campaign.purpose
    decision = consent.as_of(session, account_id, contact.phone, purpose, at) if contact is not None else None
    stood = flags.as_of(session, account_id, contact.phone, purpose, at) if contact is not None else []
    return Explanation(
        code, sentence, campaign, at, run=run, row=row, contact=contact, message=message, consent=decision,
        flags=tuple(stood), facts=tuple(facts), steps=tuple(sorted([*steps, *_said(decision, stood)], key=lambda step: step.at)),
        remedies=_remedies(code, campaign, decision),
    )  # fmt: skip


def _said(decision: Decision | None, stood: Iterable[ContactFlag]) -> Iterable[Step]:
    """What the person said, and what was said of them, as steps."""
    for event in decision.used if decision else ():
        said = f"{event.kind.value.replace('_', ' ')} by {event.source.value.replace('_', ' ')}, about {event.purpose}"
        yield Step(event.at, f"Consent entry {event.id}", said)
    for flag in stood:
        yield Step(flag.created_at, "Flag raised", str(flag))


def _remedies(code: Reason | Standing, campaign: Campaign, decision: Decision | None) -> tuple[Remedy, ...]:
    if code is S.WAITING and campaign.state is CampaignState.PAUSED:
        return (Remedy.RESUME,)
    held = decision is not None and decision.blocking is not None and decision.blocking.kind is ConsentKind.HOLD
    if code is Reason.OPTED_OUT and held:
        return (Remedy.RELEASE,)
    return REMEDIES.get(code, ()) if isinstance(code, Reason) else _REMEDIES.get(code, ())
