"""The page that Prometheus reads: every figure from the database, at most five seconds old, behind a token.

Counters start anew with each UTC month, which Prometheus takes for a restart. How texts ended is a gauge, because a late receipt
may turn a failure into a success; use `delta()`. Nothing here tells of a recipient; senders go by their id and label.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Request, Response

from admin import measures
from admin.config import Config
from admin.glances import Glance
from models.accounts import Account
from models.base import Database
from models.jobs import Job
from models.messages import Callback
from models.notices import Notice
from sender import presence
from sender.worker import wall_clock

FORMAT = "text/plain; version=0.0.4; charset=utf-8"


def page(config: Config, database: Database) -> Callable[[Request], Response]:
    """The page; 401 without the token, 503 when the database does not answer in time."""
    look = Glance(lambda: text(database, wall_clock()), fresh=5.0, patience=5.0)
    wanted = f"Bearer {config.metrics_token}".encode()

    def metrics(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode("latin-1", "replace"), wanted):
            return Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        found = look.value()
        return Response(status=503) if found is None else Response(found, content_type=FORMAT)

    return metrics


def text(database: Database, now: datetime) -> bytes:
    """All figures in Prometheus' format."""
    registry = CollectorRegistry(auto_describe=False)
    with database.reading() as session:
        registry.register(_Once(list(figures(session, now))))
    return generate_latest(registry)


class _Once(Collector):
    """Figures that were read already."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found


def figures(session: Session, now: datetime) -> Iterator[Metric]:
    """Every figure, by family."""
    names = {row.id: row.slug for row in session.execute(select(Account.id, Account.slug))}
    yield from _queue(session, names, now)
    yield from _texts(session, names, now)
    yield from _callbacks(session, names, now)
    yield from _work(session, now)


def _gauge(name: str, help_: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"textledger_{name}", help_, labels=labels)


def _queue(session: Session, names: dict[int, str], now: datetime) -> Iterator[Metric]:
    due = _gauge("due_texts", f"Texts that are due, up to {measures.MOST}.", "account", "sender", "label")
    later = _gauge("planned_texts", f"Texts planned for later, up to {measures.MOST}.", "account", "sender", "label")
    waiting = _gauge("waiting_segments", "Segments of unfinished runs not claimed yet.", "account", "sender", "label")
    late = _gauge("dispatch_lag_seconds", "Age of the oldest due text that may leave.", "account", "sender", "label")
    idle = _gauge("idle_seconds", "How long a due text could have left.", "account", "sender", "label")
    lanes, segments = measures.open_lanes(session, now), measures.segments_waiting(session)
    for sender in measures.senders(session):
        labels = [names[sender.account_id], str(sender.id), sender.label]
        count, planned = measures.depth(session, sender, now)
        age, unused = measures.lag(session, sender, lanes.get(sender.id, []), now) if count else (0.0, 0.0)
        for family, value in ((due, count), (later, planned), (late, age), (idle, unused)):
            family.add_metric(labels, value)
        waiting.add_metric(labels, segments.get(sender.id, 0))
    yield from (due, later, waiting, late, idle)
    open_ = _gauge("open_texts", "Texts claimed, in doubt, or parked for a person (unknown).", "account", "status")
    for account_id, status, texts in measures.under_way(session):
        open_.add_metric([names[account_id], status], texts)
    yield open_


def _texts(session: Session, names: dict[int, str], now: datetime) -> Iterator[Metric]:
    families: list[CounterMetricFamily | GaugeMetricFamily] = [
        CounterMetricFamily("textledger_texts", "Texts Twilio took or refused this month.", labels=["account"]),
        CounterMetricFamily("textledger_segments", "Their segments.", labels=["account"]),
        _gauge("texts_this_month", "The same by what became of them.", "account", "status"),
        _gauge("errors_this_month", "Those with an error, by Twilio's code.", "account", "code"),
    ]
    sums: list[dict[tuple[str, ...], int]] = [{} for _ in families]
    for account_id, status, code, texts, segments in measures.this_month(session, now):
        name = names[account_id]
        keys = [
            ((name,), texts),
            ((name,), segments),
            ((name, status), texts),
            ((name, str(code)), texts if code else 0),
        ]
        for found, (key, value) in zip(sums, keys, strict=True):
            if value:
                found[key] = found.get(key, 0) + int(value)
    for family, found in zip(families, sums, strict=True):
        for key, value in sorted(found.items()):
            family.add_metric(list(key), value)
        yield family


def _callbacks(session: Session, names: dict[int, str], now: datetime) -> Iterator[Metric]:
    quiet = _gauge("callback_age_seconds", "Since the last status callback; absent before the first.")
    last = session.scalar(select(Callback.received_at).order_by(Callback.id.desc()).limit(1))
    if last is not None:
        quiet.add_metric([], (now - last).total_seconds())
    silent = _gauge(
        "unreported_seconds", "Age of the oldest text of which Twilio has not reported that it left.", "account"
    )
    for account_id, name in names.items():
        silent.add_metric([name], measures.unreported(session, account_id, now))
    yield from (quiet, silent)


def _work(session: Session, now: datetime) -> Iterator[Metric]:
    late = _gauge("job_late_seconds", "How long a job has been due without being started.", "job")
    failures = _gauge("job_failures", "How often in a row a job failed.", "job")
    for job in session.scalars(select(Job).order_by(Job.name)):
        running = job.lease_until is not None and job.lease_until > now
        late.add_metric([job.name], 0.0 if running else max(0.0, (now - job.next_at).total_seconds()))
        failures.add_metric([job.name], job.failures)
    workers = _gauge("workers", "Worker processes that were heard of lately.")
    workers.add_metric([], sum(presence.alive(process, now=now) for process in presence.workers(session)))
    notices = _gauge("unsent_notices", "E-mails that are due and not sent.")
    unsent = select(func.count()).select_from(Notice).where(Notice.sent_at.is_(None), Notice.due_at <= now)
    notices.add_metric([], session.scalar(unsent) or 0)
    yield from (late, failures, workers, notices)
