"""Has every row of a run's list exactly one outcome? Proved from the rows themselves, not from the run's counters.

A row's outcome is an exclusion of its number, or the message to its contact, which belongs to the one row of that contact
that was no duplicate. Joined the wrong way round, each of the three tables shows what the others lack.

After an erasure a row or a message may have lost its contact. Such a row can no longer be joined to its message, but there
must be as many of the one as of the other, and that is asked instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from models.campaigns import AudienceRow, Exclusion, Run
from models.messages import Message

_R, _E, _M = AudienceRow, Exclusion, Message


@dataclass(frozen=True)
class Tally:
    """The rows of a run's list and their outcomes. `rows` = `excluded` + `messages` + `unreached` where all is whole."""

    rows: int
    excluded: int
    messages: int
    unreached: int
    """Rows after the point that the expansion has come to."""
    twice: int
    """Rows with both an exclusion and a message."""
    without: int
    """Rows that were reached and have neither, but for those that were erased."""
    strays: int
    """Messages and exclusions of no row of the list, but for those that were erased."""
    erased: int = 0
    """Rows whose person was erased since: as many messages without a person stand beside them."""

    @property
    def whole(self) -> bool:
        """Whether every row has exactly one outcome, or waits for the expansion to come to it."""
        return not (self.twice or self.without or self.strays) and self.rows == self.accounted

    @property
    def accounted(self) -> int:
        """What the outcomes add up to."""
        return self.excluded + self.messages + self.unreached

    @property
    def sum(self) -> str:
        """ "5,000 = 229 left out + 4,771 messages"; with ≠ where it is none."""
        sign = "=" if self.rows == self.accounted else "≠"
        later = f" + {self.unreached:,} not reached yet" if self.unreached else ""
        return f"{self.rows:,} {sign} {self.excluded:,} left out + {self.messages:,} message{'s' * (self.messages != 1)}{later}"

    @property
    def sentence(self) -> str:
        """What the proof found, for people."""
        if self.whole:
            return "Every row of the list has exactly one outcome." if not self.unreached else (
                "Every row that was reached has exactly one outcome."
            )  # fmt: skip
        found = [
            _number(self.twice, "row has two outcomes", "rows have two outcomes"),
            _number(self.without, "row has none", "rows have none"),
            _number(self.strays, "outcome belongs to no row", "outcomes belong to no row"),
        ]
        said = ", ".join(part for part in found if part) or "the sum is wrong"
        return f"This is not whole: {said}. Report it: it is a fault of ours."


def _number(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}" if count else ""


def tally(session: Session, run: Run) -> Tally:
    """Count the outcomes of every row of the run's list, each table against the others."""
    listed = _R.audience_id == run.audience_id
    reached = and_(listed, _R.row <= run.expanded_to)
    excluded = exists().where(_E.run_id == run.id, _E.row == _R.row)
    texted = and_(_R.reason.is_(None), exists().where(_M.run_id == run.id, _M.contact_id == _R.contact_id))
    rows, known_rows = session.execute(
        select(func.count(), func.count(_R.contact_id)).where(reached, ~excluded, ~texted)
    ).one()
    known_texts = _strangers(session, run)
    texts = known_texts + _count(session, and_(_M.run_id == run.id, _M.contact_id.is_(None)))
    # A row without its message is one that was erased on either side, if there is a message without its row for it.
    erased = min(rows, texts) if known_rows <= texts - known_texts and known_texts <= rows - known_rows else 0
    its_number = exists().where(listed, _R.row == _E.row)
    return Tally(
        rows=_count(session, listed),
        excluded=_count(session, _E.run_id == run.id),
        messages=_count(session, _M.run_id == run.id),
        unreached=0 if run.expanded else _count(session, and_(listed, _R.row > run.expanded_to)),
        twice=_count(session, and_(reached, excluded, texted)),
        without=rows - erased,
        strays=texts - erased + _count(session, and_(_E.run_id == run.id, ~its_number)),
        erased=erased,
    )


def _strangers(session: Session, run: Run) -> int:
    """How many messages have a contact whom the list lacks; a run has one message for a contact, so that a set is enough.

    As sets, because SQLite would go through the whole list for each message when it is asked whether its row exists.
    """
    texted = select(_M.contact_id).where(_M.run_id == run.id, _M.contact_id.is_not(None))
    listed = select(_R.contact_id).where(_R.audience_id == run.audience_id, _R.reason.is_(None))
    strangers = texted.except_(listed).subquery()
    return session.scalar(select(func.count()).select_from(strangers)) or 0


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(condition)) or 0
