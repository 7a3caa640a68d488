"""Does a sender keep to its rate with two workers, use it, stop when told to, and let a reply through? On PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, select

from models.base import Database
from models.campaigns import Campaign, CampaignState
from models.contacts import Contact
from models.messages import Message
from sender import campaigns
from sender.dispatcher import wall_clock
from tests.bench.stage import Arrival, arrivals, databases, filled, provider, senders

RATES = {3: 30, 100: 20, 1_000: 15}
"""Segments a second, and for how many seconds it is watched."""
USED, REACTION = 0.97, 2.0
"""The goals: how much of the rate is used, and seconds until a pause or a cancel holds and a resumed campaign goes on."""
STARTED = 2.0
"""Seconds after the first arrival from which it is watched: the processes have started by then."""


def busiest_second(took: list[Arrival]) -> int:
    """The most messages in any window of one second."""
    times = [each.at for each in took]
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def watched(url: str, database: Database, seconds: float) -> list[Arrival]:
    """What arrives while two workers send at their sender's rate, from when both have begun."""
    with senders(str(database.engine.url), url, processes=2, concurrency=100):
        until(lambda: bool(arrivals(url)))
        time.sleep(STARTED + seconds)
        took = arrivals(url)
    return [each for each in took if each.at >= took[0].at + STARTED]


def until(true: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for something to be true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def command(database: Database, verb: Callable[..., object]) -> float:
    """Do something with the campaign as the console does; when it was committed."""
    with database.transaction() as session:
        campaign = session.scalars(select(Campaign).where(Campaign.state.in_(["sending", "paused"]))).one()
        verb(session, campaign, now=wall_clock())
    return time.time()


def reactions(url: str, database: Database) -> dict[str, float]:
    """Seconds from the commit of a command to the last arrival after a pause or a cancel, or the first after a resume."""
    found: dict[str, list[float]] = {"pause": [], "resume": [], "cancel": []}
    with senders(str(database.engine.url), url, processes=2, concurrency=100):
        until(lambda: len(arrivals(url)) > 1_000)
        for _ in range(5):
            paused = command(database, campaigns.pause)
            time.sleep(1.5)
            found["pause"].append(max(0.0, arrivals(url)[-1].at - paused))
            resumed = command(database, campaigns.resume)
            time.sleep(1.5)
            found["resume"].append(next(each.at for each in arrivals(url) if each.at > resumed) - resumed)
        cancelled = command(database, campaigns.cancel)
        time.sleep(2.0)
        found["cancel"].append(max(0.0, arrivals(url)[-1].at - cancelled))
    return {name: max(times) for name, times in found.items()}


def replies(url: str, database: Database, count: int = 25) -> list[float]:
    """Seconds from the commit of a reply to its arrival, while a campaign takes all of the sender's rate."""
    waits = []
    with senders(str(database.engine.url), url, processes=2, concurrency=100):
        until(lambda: len(arrivals(url)) > 200)
        for _ in range(count):
            id_, written = reply(database)
            until(lambda id_=id_: any(each.message_id == id_ for each in arrivals(url)))  # type: ignore[misc]
            waits.append(next(each.at for each in arrivals(url) if each.message_id == id_) - written)
    return sorted(waits)


def reply(database: Database) -> tuple[int, float]:
    """An agent's answer to somebody, due at once; its id, and when it was committed."""
    now = wall_clock() - timedelta(milliseconds=1)
    with database.transaction() as session:
        campaign = session.scalars(select(Campaign).where(Campaign.state == CampaignState.SENDING)).one()
        phone = session.scalar(select(Contact.phone).limit(1))
        statement = insert(Message).values(
            account_id=campaign.account_id, sender_id=campaign.sender_id, phone=phone, region="US", body="On my way.",
            encoding="GSM-7", units=10, segments=1, priority=0, due_at=now, created_at=now, updated_at=now,
        )  # fmt: skip
        id_ = session.scalar(statement.returning(Message.id))
    assert id_
    return id_, time.time()


def fresh(url: str, provider_url: str, *, rate: int, texts: int, name: str) -> Database:
    """A campaign that has the sender to itself, and an empty log."""
    database = filled(url, texts, rate=rate, name=name)
    with database.transaction() as session:
        for campaign in session.scalars(
            select(Campaign).where(Campaign.state == CampaignState.SENDING, Campaign.name != name)
        ):
            campaigns.pause(session, campaign, now=wall_clock())
            campaigns.cancel(session, campaign, now=wall_clock())
    requests.delete(f"{provider_url}/log", timeout=60)
    return database


def run() -> None:
    """Print the table; what is asserted are goals in the sender's own time, not the machine's speed."""
    table = Table("Two workers, PostgreSQL", "measured", "goal", "")
    failed = []

    def row(what: str, measured: str, goal: str, *, met: bool) -> None:
        table.add_row(what, measured, goal, "met" if met else "NOT MET")
        failed.extend([] if met else [what])

    with databases() as urls, provider() as url:
        for rate, seconds in RATES.items():
            database = fresh(urls["PostgreSQL"], url, rate=rate, texts=RATES[1_000] * 1_500, name=f"Rate {rate}")
            took = watched(url, database, seconds)
            used = (len(took) - 1) / (took[-1].at - took[0].at) / rate
            most = busiest_second(took)
            row(f"{rate}/s for {seconds} s: busiest second", f"{most}", f"≤ {rate}", met=most <= rate)
            row(f"{rate}/s for {seconds} s: used", f"{used:.1%}", f"≥ {USED:.0%}", met=used >= USED)
            database.engine.dispose()
        database = fresh(urls["PostgreSQL"], url, rate=1_000, texts=RATES[1_000] * 1_500, name="Control")
        for name, worst in reactions(url, database).items():
            row(f"{name} at 1,000/s: slowest", f"{worst:.2f} s", f"≤ {REACTION:.0f} s", met=worst <= REACTION)
        database.engine.dispose()
        database = fresh(urls["PostgreSQL"], url, rate=100, texts=RATES[1_000] * 1_500, name="Replies")
        waits = replies(url, database)
        slowest = waits[-1]
        row("reply on a saturated 100/s sender: median", f"{median(waits) * 1e3:.0f} ms", "", met=True)
        row("… slowest of 25", f"{slowest * 1e3:.0f} ms", f"≤ {REACTION:.0f} s", met=slowest <= REACTION)
        database.engine.dispose()
    Console(width=110).print(table)
    assert not failed, f"not met: {', '.join(failed)}"


if __name__ == "__main__":
    run()
