"""How is a repetition planned, looked at before it is saved, and changed? The form, and its next five times while one types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask import redirect, request
from flask_admin.helpers import get_form_data

from admin.views.campaign_repeat import RepeatForm, filled, rule_of
from admin.views.guarded import page
from admin.views.sending import UNSENT, CampaignSending
from admin.views.sending_start import LOCAL, NotATime, Start, clocks
from models.campaigns import Campaign
from sender.recurrence import Occurrence


def wall_of(form: RepeatForm) -> datetime:
    """The first possible start, as the clock on the wall shows it."""
    clock: time = form.clock.data or time()
    return datetime.combine(form.first.data, clock)


def start_of(form: RepeatForm) -> Start:
    """The start that a valid form says. Raises NotATime where it says none that is still to come."""
    wall = wall_of(form)
    try:
        at = wall.replace(tzinfo=ZoneInfo(form.zone.data)).astimezone(UTC)
    except OverflowError:
        raise NotATime("Choose another day.") from None
    return Start(at, rule_of(form), form.zone.data)


class CampaignPlan(CampaignSending):
    """The pages of a repetition."""

    rights: ClassVar[Mapping[str, str]] = {
        **CampaignSending.rights,
        "repeat": "campaign:edit",
        "times": "campaign:edit",
    }

    @page("/repeat/", "GET", "POST")
    def repeat(self) -> Any:
        """How often, from when and until when; the next page asks once more."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        if campaign.state not in UNSENT:
            return redirect(self.get_url(".details_view", id=campaign.id))
        now = self.now()
        posted = get_form_data() if request.method == "POST" else None
        form = RepeatForm(posted) if posted else RepeatForm(None, data=filled(campaign, now))
        if request.method == "POST" and form.validate():
            try:
                start = start_of(form)
                start.times(now=now, count=1)
            except NotATime as problem:
                form.often.errors = [str(problem)]
            else:
                first = f"{wall_of(form):{LOCAL}}"
                asked = {"start": "repeat", "rule": start.rule, "first": first, "zone": start.zone}
                return redirect(self.get_url(".confirm", id=campaign.id, **asked))
        return self.render_step("campaign_repeat.html", 3, campaign=campaign, form=form, **self._shown(form))

    @page("/times/", "POST")
    def times(self) -> Any:
        """The next times of what stands in the form, as a fragment."""
        form = RepeatForm(get_form_data())
        form.validate()
        return self.render("campaign_times.html", **self._shown(form))

    def _shown(self, form: RepeatForm) -> dict[str, Any]:
        """The sentence and the next times of a form; or what is missing."""
        found: list[Occurrence] = []
        sentence = missing = ""
        if form.errors:
            missing = next(iter(form.errors.values()))[0]
        else:
            try:
                start = start_of(form)
                found, sentence = start.times(now=self.now()), start.words
            except NotATime as problem:
                missing = str(problem)
        return {"sentence": sentence, "found": found, "clocks": clocks, "missing": missing}
