"""Does a host notice that the database is older than what it sent, and never when it is not?"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database, connect
from models.messages import Message
from sender import dispatch, watermark
from sender.claims import Claim
from sender.restored import Watch, hold_all, stop_if_behind
from sender.watermark import Watermark
from tests import seeds
from tests.conftest import NOW, seed_account


def claimed(session: Session, count: int = 1, now: datetime = NOW) -> list[Claim]:
    """So many claims of one run."""
    return dispatch.claim(session, worker="w", now=now, limit=count)


def test_a_database_that_knows(session: Session, account: Account, tmp_path: Path) -> None:
    """Attempts that it has, or has gone beyond, prove nothing; one that it lacks does, and so does a row that is gone."""
    seeds.sending_run(session, account, 3)
    mark = Watermark(tmp_path)
    mark.know(session)
    assert watermark.behind(session, mark.marks()) is None
    claims = claimed(session, 2)
    mark.note(claims)
    mark.note([])
    (noted,) = mark.marks()
    assert (noted.message_id, noted.attempt) == (claims[-1].message_id, 1)
    moment = timedelta(microseconds=1)
    for attempt, at, older in ((1, NOW, False), (2, NOW + moment, False), (0, NOW, True), (1, NOW + moment, True)):
        values = {"attempt": attempt, "intent_at": at}
        session.execute(update(Message).where(Message.id == noted.message_id).values(values))
        assert (watermark.behind(session, [noted]) is not None) == older
    session.execute(delete(Message))
    assert watermark.behind(session, [noted]) == noted
    mark.close()


def test_another_database(session: Session, account: Account, tmp_path: Path) -> None:
    """Marks of a database that was thrown away say nothing about a new one."""
    seeds.sending_run(session, account, 1)
    mark = Watermark(tmp_path)
    mark.know(session)
    mark.note(claimed(session))
    session.execute(update(Message).values(attempt=0))
    account.created_at += timedelta(microseconds=1)
    session.flush()
    assert watermark.behind(session, mark.marks()) is None
    mark.close()


def test_everything_stops_once(session: Session, account: Account, tmp_path: Path) -> None:
    """Every account is held and counts up its epoch; the same proof does not stop it again, a new one does."""
    seeds.sending_run(session, account, 1)
    other = seed_account(session, slug="pier")
    mark = Watermark(tmp_path)
    mark.know(session)
    mark.note(claimed(session))
    assert stop_if_behind(session, mark) is None
    session.execute(update(Message).values(attempt=0))
    for expected in (True, False):
        assert (stop_if_behind(session, mark) is not None) == expected
        assert (account.launch_epoch, other.launch_epoch) == (2, 2)
    assert account.held_why == other.held_why != ""
    assert "flask --app wsgi restored" in account.held_why
    account.launch_epoch = 1
    other.launch_epoch = 1
    session.flush()
    assert stop_if_behind(session, mark) is not None
    mark.close()


def test_new_accounts_join_the_generation(session: Session, account: Account) -> None:
    """Whatever their epochs were, all have the same one after a stop."""
    account.launch_epoch = 5
    other = seed_account(session, slug="pier")
    assert hold_all(session, "Because.") == 6
    assert (account.launch_epoch, other.launch_epoch, other.held_why) == (6, 6, "Because.")


def test_each_process_has_its_own_file(tmp_path: Path) -> None:
    """Two at once write two; a third takes over what an ended one left, and all are read."""
    first, second = Watermark(tmp_path), Watermark(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sent-0", "sent-1"]
    first.close()
    third = Watermark(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "sent-0").write_text("{half")
    assert third.marks() == second.marks() == []
    second.close()
    third.close()


NOTES = """
import os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path
from sender.watermark import Watermark
class Claim:
    message_id, attempt, intent_at = 7, 3, None
mark = Watermark(Path(sys.argv[1]))
mark.database, mark.generation = "harbor", 1
mark.note([Claim()])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_mark_outlives_its_process(tmp_path: Path) -> None:
    """Killed right after the write, before anything is forced to disk: it is there, and its file is free."""
    subprocess.run([sys.executable, "-c", NOTES, str(tmp_path)], check=False)
    mark = Watermark(tmp_path)
    assert [(one.message_id, one.attempt) for one in mark.marks()] == [(7, 3)]
    assert [path.name for path in tmp_path.iterdir()] == ["sent-0"]
    mark.close()


def test_a_new_connection_is_looked_at(database: Database, session: Session, account: Account, tmp_path: Path) -> None:
    """A server restarted from a backup between two looks: the claim that met it first, of the same row, does not leave."""
    seeds.sending_run(session, account, 3)
    watch = Watch(database, Watermark(tmp_path), every=3600)
    watch.before()
    first = claimed(session)
    assert watch.after(first)
    session.execute(update(Message).values(attempt=0, status="pending"))
    session.commit()
    watch.before()  # nothing tells it to look again so soon
    session.refresh(account)
    assert account.held_why == ""
    session.commit()
    database.engine.dispose()
    with database.session() as other:
        claims = claimed(other, 1, NOW + timedelta(seconds=1))
    assert [(one.message_id, one.attempt) for one in claims] == [(one.message_id, one.attempt) for one in first]
    assert not watch.after(claims)
    session.refresh(account)
    assert account.held_why != ""
    session.commit()
    assert watch.after(claims)  # it is held already; what is claimed from now on belongs to the new generation


@pytest.mark.parametrize("seed", range(12))
def test_dying_at_any_line(sqlite_template: Path, tmp_path: Path, seed: int) -> None:
    """Claim, mark and post with deaths between them, then a backup of any moment: noticed whenever it lacks a claim that left.

    A claim that the backup has is in doubt there, and looked up at Twilio; and without a backup there is no alarm.
    """
    chance, clock = random.Random(seed), count(1)
    path = tmp_path / "now.db"
    shutil.copy(sqlite_template, path)
    database = connect(f"sqlite:///{path}")
    with database.session() as session:
        seeds.sending_run(session, seed_account(session), 40)
    backups: list[tuple[Path, set[int]]] = []
    taken: set[int] = set()
    left: set[int] = set()
    mark = Watermark(tmp_path / "marks")
    for step in range(12):
        with database.session() as session:
            mark.know(session)
            assert watermark.behind(session, mark.marks()) is None
            claims = claimed(session, chance.randint(1, 3), NOW + timedelta(seconds=next(clock)))
            taken |= {claim.message_id for claim in claims}
        dies = chance.choice(("before the mark", "before the post", "never", "never"))
        if dies != "before the mark":
            mark.note(claims)
        if chance.random() < 0.5:
            backups.append((tmp_path / f"{step}.db", set(taken)))
            with sqlite3.connect(path) as source, sqlite3.connect(backups[-1][0]) as copied:
                source.backup(copied)
            source.close()
            copied.close()
        if dies == "never":
            left |= {claim.message_id for claim in claims}
        else:
            mark.close()
            mark = Watermark(tmp_path / "marks")
    for backup, known in backups:
        restored = connect(f"sqlite:///{backup}")
        with restored.reading() as session:
            noticed = watermark.behind(session, mark.marks()) is not None
        restored.engine.dispose()
        assert noticed or not left - known
    mark.close()
    database.engine.dispose()
