"""How does a campaign leave? The review of what would happen, and the confirmation.

A command is never a form field: it is a POST with a right of its own, checked again by `sender.campaigns` on the locked row, and
an audit entry in the same transaction. Two clicks at once are one command: the second finds the campaign in its new state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from flask import redirect, request
from werkzeug.wrappers import Response

from admin import auth
from admin.database import database
from admin.formatters import moment, money, number, zone
from admin.views.campaign_rows import CampaignRows
from admin.views.campaign_words import SAMPLES, duration
from admin.views.guarded import flashed, page
from admin.views.sending_review import Review, review
from models.campaigns import Campaign, CampaignState
from sender import campaigns, exclusions

S = CampaignState
LOCAL = "%Y-%m-%dT%H:%M"
NOT_A_TIME = "Choose a day and a time, or send it now."


class CampaignSending(CampaignRows):
    """Review and confirm."""

    rights: ClassVar[Mapping[str, str]] = {
        **CampaignRows.rights,
        "review": "campaign:edit",
        "confirm": "campaign:send",
    }

    @page("/review/", "GET")
    def review(self) -> Any:
        """Step 3: who gets it, what it says, what it costs, when it ends, and what stands in the way."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        if campaign.state not in (S.DRAFT, S.SCHEDULED):
            return redirect(self.get_url(".details_view", id=campaign.id))
        now = self.now()
        return self.render_step(
            "campaign_review.html", 3, campaign=campaign, review=review(self.database, campaign, now=now), now=now,
            meanings=exclusions.SENTENCES, samples=SAMPLES, duration=duration, zone=zone().key,
            earliest=now.astimezone(zone()).strftime(LOCAL),
            starts=campaign.starts_at.astimezone(zone()).strftime(LOCAL) if campaign.starts_at else "",
        )  # fmt: skip

    @page("/confirm/", "GET", "POST")
    def confirm(self) -> Any:
        """Step 4: one look at the numbers, then send it, or let it start at its time."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        if campaign.state not in (S.DRAFT, S.SCHEDULED):
            flashed(f"This campaign is {campaign.state.value} already; nothing was done twice.")
            return redirect(self.get_url(".details_view", id=campaign.id))
        at, problem = self._start_time()
        if problem:
            flashed(problem, good=False)
            return redirect(self.get_url(".review", id=campaign.id))
        found = self._looked_at(campaign)
        if found.blocked:
            flashed(next((p.sentence for p in found.problems if p.blocking), NOT_A_TIME), good=False)
            return redirect(self.get_url(".review", id=campaign.id))
        if request.method == "POST":
            wrong = self._unsure(found)
            if not wrong:
                return self._launch(campaign, found, at)
            flashed(wrong, good=False)
        return self._ask(campaign, found, at)

    def _start_time(self) -> tuple[datetime | None, str]:
        """(when, "") of the address, None for now; or a sentence. It is written in the account's zone."""
        if request.args.get("start", "now") == "now":
            return None, ""
        try:
            local = datetime.strptime(request.args.get("when", ""), LOCAL)  # noqa: DTZ007 (the zone follows)
        except ValueError:
            return None, NOT_A_TIME
        at = local.replace(tzinfo=zone()).astimezone(UTC)
        if at <= self.now():
            return None, "The start must be in the future. Send it now instead, or choose a later time."
        return at, ""

    def _looked_at(self, campaign: Campaign) -> Review:
        """The review, read without holding up the worker: rendering a long list takes seconds."""
        if request.method != "POST":
            return review(self.database, campaign, now=self.now())
        key, now = campaign.id, self.now()
        self.database.commit()
        with database().reading() as session:
            return review(session, session.get_one(Campaign, key), now=now)

    def _unsure(self, found: Review) -> str:
        """Why the POST is not a clear yes to what would happen now, or ""."""
        recipients = found.preview.recipients
        seen = request.form.get("recipients", "")
        if not seen.isdecimal() or recipients > int(seen[:12]):
            return "More people would get it than the page said. Look at the numbers again."
        typed = request.form.get("typed", "").strip().replace(",", "")
        if found.large and typed != seen:
            return f"Type {seen} to confirm that so many people are texted."
        return ""

    def _ask(self, campaign: Campaign, found: Review, at: datetime | None) -> Any:
        recipients = found.preview.recipients
        people = f"{recipients:,} {'person' if recipients == 1 else 'people'}"
        return self.render_step(
            "campaign_confirm.html", 4, campaign=campaign, review=found, at=at, facts=self._facts(campaign, found, at),
            title=f"Send “{campaign.name}”?" if at is None else f"Schedule “{campaign.name}”?",
            verb=f"Send to {people}" if at is None else f"Schedule for {people}",
            sentence="The texts leave as soon as you confirm." if at is None else "It starts by itself at its time.",
            typed=str(recipients) if found.large else "", cancel_url=self.get_url(".review", id=campaign.id),
            warnings=[problem.sentence for problem in found.problems], sample=next(iter(found.preview.samples), None),
        )  # fmt: skip

    def _facts(self, campaign: Campaign, found: Review, at: datetime | None) -> list[tuple[str, object]]:
        left_out = sum(found.preview.by_reason.values())
        facts: list[tuple[str, object]] = [
            ("Recipients", number(found.preview.recipients)),
            ("Left out", number(left_out)),
            ("Segments", number(found.preview.segments)),
            ("From", str(campaign.sender)),
            ("Starts", "Now" if at is None else moment(at)),
        ]
        if found.cost and auth.allowed("cost:view"):
            facts.append(("Expected cost", money(found.cost.expected_u)))
        return facts

    def _launch(self, campaign: Campaign, found: Review, at: datetime | None) -> Response:
        """Send or schedule; a refusal changes nothing."""
        campaign = self.get_one(campaign.id)
        before, now = campaign.state, self.now()
        try:
            if at is None:
                campaigns.send(self.database, campaign, now=now)
            else:
                campaigns.schedule(self.database, campaign, starts_at=at, now=now)
        except campaigns.NotAllowed as refusal:
            return self.refused(campaign, refusal)
        campaign.forecast_u = found.cost.expected_u if found.cost else None
        after = {
            "state": campaign.state.value,
            "recipients": found.preview.recipients,
            "segments": found.preview.segments,
        }
        if at is not None:
            after["starts_at"] = at.isoformat()
        self.record(
            "campaign:send" if at is None else "campaign:schedule",
            campaign,
            before={"state": before.value},
            after=after,
        )
        self.database.commit()
        flashed("On its way." if at is None else "Scheduled.")
        return redirect(self.get_url(".details_view", id=campaign.id))

    def refused(self, campaign: Campaign, refusal: campaigns.NotAllowed) -> Response:
        """Change nothing and say why; a second click on the same button is no mistake."""
        key = campaign.id
        self.database.rollback()
        flashed(str(refusal), good=False)
        return redirect(self.get_url(".details_view", id=key))
