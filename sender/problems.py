"""What stands in the way of sending a campaign, and what should a person know before?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Profile, SenderKind
from models.campaigns import AudienceRow, Campaign
from models.contacts import Contact
from models.countries import CountrySetting
from models.settings import value
from sender import lint_facts, waivers
from sender.compliance import Finding, lint
from sender.rule_table import Severity

NO_ALPHANUMERIC = frozenset({"US", "CA"})
"""Twilio: alphanumeric senders cannot text the US or Canada."""


@dataclass(frozen=True)
class Problem:
    """Something that stands in the way of sending (`blocking`), or that a person should know."""

    code: str
    sentence: str
    blocking: bool = True
    rule: str = ""
    """The rule of the compliance guide that says so."""


def problems(
    session: Session, campaign: Campaign, *, regions: Collection[str] | None = None, now: datetime | None = None
) -> list[Problem]:
    """What stands in the way of sending this campaign; empty when nothing does.

    `regions` are those that its texts would go to, where the caller has counted them; else the audience is asked. With `now`
    (aware) the rules of the compliance guide that are in force then are asked, too.
    """
    account, sender, audience = campaign.account, campaign.sender, campaign.audience
    enabled = {setting.region: setting for setting in _enabled(session, account.id)}
    found: list[Problem] = []
    if not sender.active:
        found.append(Problem("sender_inactive", f"{sender.label} is switched off. Choose another sender."))
    elif not sender.may_send:
        sentence = (
            f"{sender.label} is not verified by Twilio: its texts would be blocked. Verify it or choose another sender."
        )
        found.append(Problem("sender_unverified", sentence, rule="S01"))
    if sender.kind is SenderKind.ALPHANUMERIC and NO_ALPHANUMERIC.intersection(enabled):
        found.append(
            Problem(
                "alphanumeric", "A name as sender cannot text the United States or Canada. Choose a number.", rule="S03"
            )
        )
    if not enabled:
        found.append(Problem("no_country", "No country is enabled. Enable at least one in Country settings."))
    if account.profile is Profile.THIRD_PARTY_COLLECTOR and NO_ALPHANUMERIC.intersection(enabled):
        sentence = "Twilio forbids third-party debt collection by text in the United States and Canada. Disable both countries."
        found.append(Problem("third_party_collector", sentence, rule="X13"))
    if not audience.complete:
        found.append(Problem("audience_incomplete", "The audience is still being read. Try again when it is complete."))
    elif not audience.usable:
        found.append(Problem("audience_empty", "The audience has nobody who can be texted. Upload another file."))
    if campaign.template_version.template.archived:
        found.append(
            Problem("template_archived", "The template is archived. Restore it or choose another.", blocking=False)
        )
    if campaign.template_version.approved_by is None and value(session, "approval", account_id=account.id):
        sentence = "Its wording waits for approval. Ask a colleague to approve it on the template's page."
        found.append(Problem("unapproved", sentence))
    found += _country_senders(session, campaign, enabled, regions)
    return found + (_findings(session, campaign, {one.rule for one in found}, now) if now else [])


def blocking(session: Session, campaign: Campaign, *, now: datetime | None = None) -> str:
    """The first thing that stands in the way, as a sentence; "" when nothing does. `now` as in `problems`."""
    return next((problem.sentence for problem in problems(session, campaign, now=now) if problem.blocking), "")


def _findings(session: Session, campaign: Campaign, told: Collection[str], now: datetime) -> list[Problem]:
    """What the compliance rules say of the wording and of the campaign, without those that were told already.

    A waiver that the campaign's own author approved does not count: somebody else has to answer for it.
    """
    account = campaign.account
    on = now.astimezone(ZoneInfo(account.time_zone)).date()
    decisions = waivers.standing(session, account.id, on, without=campaign.created_by)
    text = lint_facts.of_version(
        session, campaign.template_version, on=on, sender=campaign.sender, recurring=campaign.recurrence is not None
    )
    subjects = (replace(text, purpose=campaign.purpose), lint_facts.of_campaign(session, campaign))
    found = [one for subject in subjects for one in lint(subject, on=on, profile=account.profile, waivers=decisions)]
    return [
        Problem(f"rule_{one.rule}", _sentence(one), blocking=one.blocking, rule=one.rule)
        for one in found
        if one.rule not in told and one.severity is not Severity.INFO
    ]


def _sentence(finding: Finding) -> str:
    """A finding in words, with what to do, and whether its rule is confirmed."""
    open_question = " The rule is unconfirmed." if finding.unconfirmed else ""
    return f"{finding.title} ({finding.rule}): {finding.sentence} {finding.fix}{open_question}"


def _enabled(session: Session, account_id: int) -> Collection[CountrySetting]:
    return session.scalars(
        select(CountrySetting).where(CountrySetting.account_id == account_id, CountrySetting.enabled.is_(True))
    ).all()


def _country_senders(
    session: Session, campaign: Campaign, enabled: dict[str, CountrySetting], regions: Collection[str] | None
) -> list[Problem]:
    """A country may have a sender of its own, which takes the campaign's place there and has to be able to send, too."""
    unable = {
        region: setting.sender
        for region, setting in enabled.items()
        if setting.sender is not None and setting.sender_id != campaign.sender_id and not setting.sender.may_send
    }
    texted = [
        region for region in unable if (_goes_to(session, campaign, region) if regions is None else region in regions)
    ]
    senders = {unable[region].id: unable[region] for region in texted}
    return [
        Problem("country_sender", f"{sender.label}, which texts some of the countries, cannot send now.")
        for sender in senders.values()
    ]


def _goes_to(session: Session, campaign: Campaign, region: str) -> bool:
    """Whether anybody of the audience is there."""
    anybody = (
        select(AudienceRow.row)
        .join(Contact, Contact.id == AudienceRow.contact_id)
        .where(AudienceRow.audience_id == campaign.audience_id, AudienceRow.reason.is_(None), Contact.region == region)
    )
    return session.scalar(anybody.limit(1)) is not None
