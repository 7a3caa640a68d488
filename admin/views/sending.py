"""How does a campaign leave? The review of what would happen, and the confirmation.

A command is never a form field: it is a POST with a right of its own, checked again by `sender.campaigns` on the locked row, and
an audit entry in the same transaction. Two clicks at once are one command: the second finds the campaign in its new state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
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
from admin.views.sending_start import LOCAL, NOT_A_TIME, NotATime, Start, clocks, read
from models.campaigns import Campaign, CampaignState
from sender import campaigns, exclusions, spill

S = CampaignState
UNSENT = (S.DRAFT, S.SCHEDULED, S.HELD)


def _instant(text: str | None) -> datetime | None:
    """The start that a plan was asked for; None for now, and for whatever else an address may carry."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _clock(at: datetime, before: datetime | None = None) -> str:
    """A day and time in the account's zone; the time alone on the day of another."""
    local = at.astimezone(zone())
    same = before is not None and before.astimezone(zone()).date() == local.date()
    return local.strftime("%H:%M" if same else "%a %Y-%m-%d %H:%M")


class CampaignSending(CampaignRows):
    """Review and confirm."""

    rights: ClassVar[Mapping[str, str]] = {
        **CampaignRows.rights,
        "review": "campaign:edit",
        "spread": "campaign:send",
        "confirm": "campaign:send",
    }

    @page("/review/", "GET")
    def review(self) -> Any:
        """Step 3: who gets it, what it says, what it costs, when it ends, and what stands in the way."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        if campaign.state not in UNSENT:
            return redirect(self.get_url(".details_view", id=campaign.id))
        now, once = self.now(), campaign.state is S.SCHEDULED and not campaign.recurrence
        found = review(self.database, campaign, now=now, start=_instant(request.args.get("at")))
        return self.render_step(
            "campaign_review.html", 3, campaign=campaign, review=found, now=now, at=request.args.get("at", ""),
            meanings=exclusions.SENTENCES, samples=SAMPLES, duration=duration, clock=_clock, zone=zone().key,
            earliest=now.astimezone(zone()).strftime(LOCAL),
            starts=campaign.next_at.astimezone(zone()).strftime(LOCAL) if once and campaign.next_at else "",
        )  # fmt: skip

    @page("/spread/", "POST")
    def spread(self) -> Response:
        """Agree that it takes several days, each text within its own hours; or take that back."""
        campaign: Campaign = self.get_one(request.form.get("id"))
        before, agreed = campaign.over_days, request.form.get("agreed") == "yes"
        try:
            spill.spread(self.database, campaign, agreed=agreed, now=self.now())
        except campaigns.NotAllowed as refusal:
            return self.refused(campaign, refusal)
        if before != agreed:
            self.record("campaign:spread", campaign, before={"over_days": before}, after={"over_days": agreed})
        key = campaign.id
        self.database.commit()
        flashed("It may take several days now." if agreed else "It has to be over before hours close, again.")
        return redirect(self.get_url(".review", id=key, at=request.form.get("at") or None))

    def binding(self, campaign: Campaign) -> str:
        """Which limit on segments holds, in words: "500, the campaign's" or "20,000, the account's"."""
        own, limit = campaign.segment_limit, campaign.account.segment_limit
        return f"{own:,}, the campaign's" if own is not None and own <= limit else f"{limit:,}, the account's"

    @page("/confirm/", "GET", "POST")
    def confirm(self) -> Any:
        """Step 4: one look at the numbers, then send it, or let it start at its time."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        if campaign.state not in UNSENT:
            flashed(f"This campaign is {campaign.state.value} already; nothing was done twice.")
            return redirect(self.get_url(".details_view", id=campaign.id))
        if request.args.get("start") == "repeat" and "rule" not in request.args:
            return redirect(self.get_url(".repeat", id=campaign.id))
        try:
            start = read(request.args, self.account.time_zone, now=self.now())
        except NotATime as problem:
            flashed(str(problem), good=False)
            back = ".repeat" if request.args.get("start") == "repeat" else ".review"
            return redirect(self.get_url(back, id=campaign.id))
        found = self._looked_at(campaign, start)
        if found.blocked:
            flashed(next((p.sentence for p in found.problems if p.blocking), NOT_A_TIME), good=False)
            at = start.at.isoformat() if start.at else None
            return redirect(self.get_url(".review", id=campaign.id, at=at))
        if request.method == "POST":
            wrong = self._unsure(found)
            if not wrong:
                return self._launch(campaign, found, start)
            flashed(wrong, good=False)
        return self._ask(campaign, found, start)

    def _looked_at(self, campaign: Campaign, start: Start) -> Review:
        """The review at its start, read without holding up the worker: rendering a long list takes seconds."""
        if request.method != "POST":
            return review(self.database, campaign, now=self.now(), start=start.at)
        key, now = campaign.id, self.now()
        self.database.commit()
        with database().reading() as session:
            return review(session, session.get_one(Campaign, key), now=now, start=start.at)

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

    def _ask(self, campaign: Campaign, found: Review, start: Start) -> Any:
        recipients = found.preview.recipients
        people = f"{recipients:,} {'person' if recipients == 1 else 'people'}"
        title, verb, sentence = "Schedule", "Schedule for", "It starts by itself at its time."
        if start.at is None:
            title, verb, sentence = "Send", "Send to", "The texts leave as soon as you confirm."
        elif start.rule:
            title, verb, sentence = (
                "Repeat",
                "Repeat for",
                "It starts by itself at each of its times, without those who opted out by then.",
            )
        return self.render_step(
            "campaign_confirm.html", 4, campaign=campaign, review=found, start=start, facts=self._facts(campaign, found, start),
            title=f"{title} “{campaign.name}”?", verb=f"{verb} {people}", sentence=sentence, clocks=clocks,
            times=start.times(now=self.now()) if start.rule else [],
            typed=str(recipients) if found.large else "", cancel_url=self.get_url(".review", id=campaign.id),
            warnings=[problem.sentence for problem in found.problems], sample=next(iter(found.preview.samples), None),
        )  # fmt: skip

    def _facts(self, campaign: Campaign, found: Review, start: Start) -> list[tuple[str, object]]:
        each = " each time" if start.rule else ""
        facts: list[tuple[str, object]] = [
            ("Recipients", number(found.preview.recipients)),
            ("Left out", number(sum(found.preview.by_reason.values()))),
            ("Segments", f"{number(found.preview.segments)}{each}"),
            ("From", str(campaign.sender)),
            ("Repeats", start.words) if start.rule else ("Starts", moment(start.at) if start.at else "Now"),
        ]
        if found.cost and auth.allowed("cost:view"):
            facts.append(("Expected cost", f"{money(found.cost.expected_u)}{each}"))
        return facts

    def _launch(self, campaign: Campaign, found: Review, start: Start) -> Response:
        """Send or schedule; a refusal changes nothing."""
        campaign = self.get_one(campaign.id)
        before, now = campaign.state, self.now()
        try:
            if start.at is not None:
                rule, zone_name = start.rule or None, start.zone or None
                campaigns.schedule(
                    self.database, campaign, starts_at=start.at, now=now, recurrence=rule, time_zone=zone_name
                )
            elif before is S.HELD:
                campaigns.send_held(self.database, campaign, now=now)
            else:
                campaigns.send(self.database, campaign, now=now)
        except campaigns.NotAllowed as refusal:
            return self.refused(campaign, refusal)
        campaign.forecast_u = found.cost.expected_u if found.cost else None
        after = {
            "state": campaign.state.value, "recipients": found.preview.recipients, "segments": found.preview.segments,
            "starts_at": start.at.isoformat() if start.at else None, "repeats": start.words if start.rule else None,
        }  # fmt: skip
        self.record(
            "campaign:send" if start.at is None else "campaign:schedule",
            campaign,
            before={"state": before.value},
            after={name: value for name, value in after.items() if value is not None},
        )
        self.database.commit()
        flashed("On its way." if start.at is None else "It repeats." if start.rule else "Scheduled.")
        return redirect(self.get_url(".details_view", id=campaign.id))

    def refused(self, campaign: Campaign, refusal: campaigns.NotAllowed) -> Response:
        """Change nothing and say why; a second click on the same button is no mistake."""
        key = campaign.id
        self.database.rollback()
        flashed(str(refusal), good=False)
        return redirect(self.get_url(".details_view", id=key))
