"""What may be done with a campaign as it stands? Pause, resume, take back, cancel, archive, restore, clone; each is audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from flask import redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response

from admin import auth
from admin.views.campaign_plan import CampaignPlan
from admin.views.guarded import Command, flashed, page
from admin.views.sending import UNSENT
from models.campaigns import Campaign, CampaignState
from sender import campaigns

S = CampaignState


@dataclass(frozen=True)
class Verb:
    """A command on a campaign: what calls it, from which states, and what the dialog says."""

    label: str
    act: Callable[..., object]
    states: frozenset[CampaignState]
    text: str
    done: str
    icon: str
    danger: bool = False
    fits: Callable[[Campaign], bool] = lambda _: True
    """Whether this campaign has what the command is about, in one of those states."""

    def offered(self, campaign: Campaign) -> bool:
        """Whether it can be done now."""
        return campaign.state in self.states and self.fits(campaign)


def repeats(campaign: Campaign) -> bool:
    """Whether it has times of its own."""
    return bool(campaign.recurrence)


def goes_on(campaign: Campaign) -> bool:
    """Whether a repetition has a further time."""
    return repeats(campaign) and campaign.next_at is not None


VERBS: dict[str, Verb] = {
    "pause": Verb(
        "Pause", campaigns.pause, frozenset({S.SENDING}), "Nothing more leaves until you resume it; what Twilio has goes out.",
        "Paused.", "pause",
    ),
    "resume": Verb("Resume", campaigns.resume, frozenset({S.PAUSED}), "It goes on where it was paused.", "Going on.", "play"),
    "skip": Verb(
        "Skip this time", campaigns.skip_held, frozenset({S.HELD}), "Nothing is sent this time; it goes on with its next one.",
        "Skipped.", "x", fits=repeats,
    ),
    "unschedule": Verb(
        "Back to draft", campaigns.unschedule, frozenset({S.SCHEDULED, S.HELD}), "It will not start by itself any more.",
        "Back to draft.", "edit",
    ),
    "end": Verb(
        "End repetition", campaigns.end, frozenset({S.SCHEDULED, S.HELD, S.SENDING, S.PAUSED}),
        "No further run starts. One that is being sent goes out.", "It does not repeat any more.", "archive", fits=goes_on,
    ),
    "cancel": Verb(
        "Cancel campaign", campaigns.cancel, frozenset({S.SCHEDULED, S.HELD, S.SENDING, S.PAUSED}),
        "What has not left never will. This cannot be undone.", "Cancelled. What had not left never will.", "x", danger=True,
    ),
    "archive": Verb(
        "Archive", campaigns.archive, frozenset({S.DRAFT, S.COMPLETED, S.CANCELLED}),
        "It leaves the lists and stays in every report. You can restore it.", "Archived.", "archive",
    ),
    "restore": Verb("Restore", campaigns.restore, frozenset({S.ARCHIVED}), "It comes back as it was.", "Restored.", "archive"),
}  # fmt: skip


class CampaignCommands(CampaignPlan):
    """The commands of a campaign's life cycle."""

    rights: ClassVar[Mapping[str, str]] = {
        **CampaignPlan.rights,
        "command": "campaign:send",
        "clone": "campaign:edit",
    }

    @page("/do/<verb>/", "POST")
    def command(self, verb: str) -> Response:
        """Pause, resume, cancel …: whatever `VERBS` knows."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        asked = VERBS.get(verb)
        answer = redirect(self.get_url(".details_view", id=campaign.id))
        if asked is None:
            return answer
        before = {"state": campaign.state.value, "next_at": campaign.next_at and campaign.next_at.isoformat()}
        try:
            asked.act(self.database, campaign, now=self.now())
        except campaigns.NotAllowed as refusal:
            return self.refused(campaign, refusal)
        after = {"state": campaign.state.value, "next_at": campaign.next_at and campaign.next_at.isoformat()}
        same = [name for name in after if name != "state" and before[name] == after[name]]
        self.record(
            f"campaign:{verb}",
            campaign,
            before={name: said for name, said in before.items() if name not in same},
            after={name: said for name, said in after.items() if name not in same},
        )
        self.database.commit()
        flashed(asked.done)
        return answer

    @page("/clone/", "POST")
    def clone(self) -> Response:
        """A new draft of the same text, list and sender."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        version = campaign.template_version.template.current or campaign.template_version
        copy = campaigns.create(
            self.database, account=self.account, name=self._free_name(campaign.name), template_version=version,
            audience=campaign.audience, sender=campaign.sender, purpose=campaign.purpose, segment_limit=campaign.segment_limit,
            budget_u=campaign.budget_u, report_emails=campaign.report_emails, now=self.now(), actor=auth.actor(),
        )  # fmt: skip
        copy.subject = campaign.subject
        self.record("campaign:clone", copy, after={"name": copy.name, "of": campaign.name})
        self.database.commit()
        flashed(f"Made “{copy.name}”. Change what should differ.")
        return redirect(self.get_url(".create_view", campaign=copy.id))

    def _free_name(self, name: str) -> str:
        """The name with "(copy)" behind it, or with the next free number."""
        taken = set(self.database.scalars(select(Campaign.name).where(Campaign.account_id == self.account.id)))
        number, copied = 1, f"{name[:100]} (copy)"
        while copied in taken:
            number += 1
            copied = f"{name[:100]} (copy {number})"
        return copied

    def commands(self, row: Campaign) -> list[Command]:
        """What may be done with a campaign as it stands, by this person."""
        found = []
        if row.state in UNSENT and auth.allowed("campaign:edit"):
            label = "Send or reschedule" if row.state is S.HELD else "Review and send"
            found.append(Command(label, self.get_url(".review", id=row.id), icon="send"))
        if row.state is S.SCHEDULED and row.recurrence and auth.allowed("campaign:edit"):
            found.append(Command("Change repetition", self.get_url(".repeat", id=row.id), icon="repeat"))
        if row.state is S.DRAFT and auth.allowed("campaign:edit"):
            found.append(Command("Edit", self.get_url(".create_view", campaign=row.id), icon="edit"))
        if auth.allowed("campaign:send"):
            found += [
                Command(
                    verb.label, self.get_url(".command", verb=name, id=row.id), confirm=f"{verb.label}: {row.name}?",
                    text=verb.text, danger=verb.danger, icon=verb.icon,
                )
                for name, verb in VERBS.items()
                if verb.offered(row)
            ]  # fmt: skip
        if auth.allowed("campaign:edit"):
            text = "A new draft with the same text, list and sender."
            found.append(
                Command(
                    "Clone", self.get_url(".clone", id=row.id), confirm=f"Clone {row.name}?", text=text, icon="copy"
                )
            )
        return found
