"""Can a campaign that needs more segments than its limit allows go out all the same? As batches, one a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask import redirect, request
from werkzeug.wrappers import Response

from admin import auth
from admin.database import database
from admin.formatters import zone
from admin.views.campaign_limits import CampaignLimits
from admin.views.guarded import flashed, page
from admin.views.sending import UNSENT
from admin.views.sending_start import LOCAL, NotATime, read
from models.campaigns import Campaign
from models.settings import value
from sender import batches
from sender.batches import Batch
from sender.campaigns import NotAllowed


class CampaignBatches(CampaignLimits):
    """The page of batches."""

    rights: ClassVar[Mapping[str, str]] = {**CampaignLimits.rights, "batches": "campaign:send"}

    @page("/batches/", "GET", "POST")
    def batches(self) -> Any:
        """The batches, and when each would leave; on a clear yes, a scheduled campaign for each."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        back = redirect(self.get_url(".review", id=campaign.id))
        if campaign.state not in UNSENT or campaign.recurrence:
            return back
        tomorrow = (self.now() + timedelta(days=1)).astimezone(zone()).strftime(LOCAL)
        when = request.values.get("when") or tomorrow
        large = int(value(self.database, "large_send", account_id=campaign.account_id))
        try:
            found = self._proposed(campaign.id, when)
            texts = str(sum(batch.texts for batch in found))
            if request.method == "POST":
                wrong = unsure(request.form, texts, large=int(texts) >= large)
                if not wrong:
                    return self._split(self.get_one(campaign.id), found)
                flashed(wrong, good=False)
        except (NotATime, NotAllowed) as problem:
            self.database.rollback()
            flashed(str(problem), good=False)
            return back
        typed = texts if int(texts) >= large else ""
        return self.render(
            "campaign_batches.html", campaign=campaign, batches=found, when=when, texts=texts, typed=typed, zone=zone()
        )

    def _proposed(self, key: int, when: str) -> Sequence[Batch]:
        """Worked out without holding up the worker: rendering a long list takes seconds."""
        first_at = read({"start": "later", "when": when}, self.account.time_zone, now=self.now()).at
        self.database.commit()
        with database().reading() as session:
            return batches.propose(session, session.get_one(Campaign, key), first_at=first_at or self.now())

    def _split(self, campaign: Campaign, found: Sequence[Batch]) -> Response:
        before, now = campaign.state.value, self.now()
        made = batches.split(self.database, campaign, found, now=now, actor=auth.actor())
        starts: list[datetime] = [batch.starts_at for batch in found]
        self.record(
            "campaign:split",
            campaign,
            before={"state": before},
            after={
                "state": campaign.state.value,
                "batches": len(made),
                "first": starts[0].isoformat(),
                "last": starts[-1].isoformat(),
            },
        )
        self.database.commit()
        flashed(f"{len(made)} batches are scheduled. “{campaign.name}” itself is cancelled.")
        return redirect(self.get_url(".index_view"))


def unsure(form: Mapping[str, str], texts: str, *, large: bool) -> str:
    """Why the POST is not a clear yes to these batches, or ""."""
    if form.get("texts", "") != texts:
        return "It is not the same any more. Look at the numbers again."
    if large and form.get("typed", "").strip().replace(",", "") != texts:
        return f"Type {texts} to confirm that so many people are texted."
    return ""
