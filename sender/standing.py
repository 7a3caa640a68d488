"""Who of those whose texts are due may not be texted any more, by what they said or what is known of them?

It is asked at the claim, in its transaction, and not when the list was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Sequence
from typing import Any

from sqlalchemy.orm import Session

from models.campaigns import Reason
from models.consent import Purpose
from sender import confirmations, consent, flags
from sender.queue import Candidate


def refused(session: Session, account_id: int, candidates: Sequence[Candidate]) -> dict[int, Reason]:
    """Message id → why it may not leave, of the account's candidates that may not.

    The answer to a STOP is free of that STOP alone; once the person has come back, it would no longer be true.
    """
    said_no = _among(candidates, lambda phones, purpose: consent.blocked(session, account_id, phones, purpose))
    found = dict.fromkeys(said_no, Reason.OPTED_OUT)
    answers = {c.message.id: c.message.confirms_id for c in candidates if c.message.confirms_id is not None}
    clear = confirmations.clear(session, account_id, answers.values()) if answers else set()
    for id_, confirmed in answers.items():
        if confirmed in clear:
            found.pop(id_, None)
        else:
            found.setdefault(id_, Reason.EXPIRED)
    if flags.any_standing(session, account_id):
        flagged = _among(candidates, lambda phones, purpose: flags.standing(session, account_id, phones, purpose))
        found = dict.fromkeys(flagged, Reason.FLAGGED) | found
    return found


def _among(candidates: Sequence[Candidate], asked: Callable[[list[str], Purpose], Container[str]]) -> set[int]:
    """The ids of those whose number is refused for their purpose."""
    groups: defaultdict[Purpose, list[Any]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.message.purpose].append(candidate.message)
    found: set[int] = set()
    for purpose, members in groups.items():
        refused = asked([m.phone for m in members], purpose)
        found |= {m.id for m in members if m.phone in refused}
    return found
