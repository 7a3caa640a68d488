"""How far is a campaign at this moment? The numbers of a page that stays open, asked for every two seconds by several people."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any

from flask import current_app, jsonify, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from admin.views.campaign_commands import CampaignCommands
from admin.views.campaign_pace import TROUBLE, held_back, moving, on_their_way, waiting
from admin.views.guarded import Tab, page
from models.campaigns import Campaign, CampaignState, Run
from sender.pace import pace
from sender.progress import Progress, progress

S = CampaignState
MOVES = frozenset({S.SENDING, S.PAUSED})
SMALL = 20_000
"""Texts; a run with fewer is counted anew each time."""
COUNTED = 100_000
"""A larger one at most once a second for each so many texts: at about 40 ms for them, a process spends a 25th of its time on it."""


class Answers:
    """Answers that several people ask for at once. While one of them counts anew, the others get the former answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Hashable, tuple[float, Any]] = {}

    def ask(self, key: Hashable, count: Callable[[], Any], *, seconds: float) -> Any:
        """The answer for `key`, counted at most so many seconds ago."""
        began = time.monotonic()
        with self._lock:
            until, answer = self._found.get(key, (0.0, None))
            if began < until:
                return answer
            if answer is not None:
                self._found[key] = (began + seconds + 5, answer)
        answer = count()
        with self._lock:
            self._found = {one: kept for one, kept in self._found.items() if kept[0] > began}
            if seconds:
                self._found[key] = (time.monotonic() + seconds, answer)
        return answer


class CampaignLive(CampaignCommands):
    """The numbers of a run."""

    def sections(self, campaign: Campaign, active: str) -> list[Tab]:
        """The tabs over the pages of a campaign; none before it has a run or a repetition."""
        count = self.database.scalar(select(func.count(Run.id)).where(Run.campaign_id == campaign.id)) or 0
        if not (count or campaign.recurrence):
            return []
        return [
            Tab("Overview", self.get_url(".details_view", id=campaign.id), active=active == "details"),
            Tab("Runs", self.get_url(".all_runs", id=campaign.id), count, active=active == "runs"),
        ]

    def runs(self, campaign: Campaign) -> list[Run]:
        """The campaign's occurrences that were started, the newest last."""
        started = select(Run).where(Run.campaign_id == campaign.id, Run.skipped.is_(False))
        return list(self.database.scalars(started.order_by(Run.number)))

    def run_of(self, campaign: Campaign) -> Run | None:
        """The occurrence that the address names, else the newest."""
        runs = self.runs(campaign)
        return next((one for one in runs if str(one.number) == request.args.get("run")), runs[-1] if runs else None)

    @page("/progress/")
    def progress(self) -> Response:
        """The numbers of a run as JSON, for a page that stays open."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        run = self.run_of(campaign)
        if run is None:
            return jsonify({"state": campaign.state.value, "live": campaign.state in MOVES | {S.SCHEDULED}})
        answers: Answers = current_app.extensions.setdefault("textledger_answers", Answers())
        key = (run.id, campaign.state, campaign.why, run.expanded, run.finished_at)
        seconds = run.messages / COUNTED if run.messages >= SMALL else 0.0
        return jsonify(answers.ask(key, lambda: plain(self.database, run, now=self.now()), seconds=seconds))


def plain(session: Session, run: Run, *, now: datetime, found: Progress | None = None) -> dict[str, Any]:
    """Progress as JSON has it; texts, except for `segments`."""
    campaign = run.campaign
    found = found or progress(session, run, now=now)
    speed = pace(session, run, found, now=now)
    return {
        "state": campaign.state.value,
        "live": campaign.state in MOVES or (campaign.state is S.CANCELLED and (found.waiting > 0 or not run.expanded)),
        "preparing": not run.expanded,
        "audience": found.audience or campaign.audience.rows,
        "excluded": found.excluded,
        "done": found.done,
        "waiting": found.waiting,
        "sent": found.sent,
        "failed": found.failed,
        "skipped": found.skipped,
        "segments": found.segments,
        "rate": round(found.rate_per_second, 1),
        "in_flight": found.in_flight,
        "pace": moving(campaign, found, speed, now),
        "brake": held_back(speed, now),
        "trouble": speed.brake in TROUBLE,
        "flying": on_their_way(campaign, found),
        "waits": [waiting(wait, now) for wait in speed.waits] if campaign.state is S.SENDING else [],
        "finish_at": speed.finish_at.isoformat() if speed.finish_at else None,
        "statuses": {status.value: count for status, count in found.by_status.items()},
        "reasons": {reason.value: count for reason, count in found.by_reason.items()},
    }
