"""How is it written down that Twilio took a thousand messages? In one statement, with one delta for each daily fact.

The same as `messages.advance` does for one row, for the usual case: claimed, and now queued under a SID of Twilio's.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from models import rollups
from models.base import UTCDateTime
from models.messages import Direction, MessageStatus
from sender.among import array
from sender.bulk import dialect_of
from sender.claims import Claim

_NOW = bindparam("now", type_=UTCDateTime())
_POSTGRES = text(
    """UPDATE message SET status = landed.word, sid = landed.sid, sent_at = :now, updated_at = :now, worker = NULL,
    lease_until = NULL, reason = NULL, error_code = NULL, final_at = NULL
    FROM unnest(CAST(:ids AS bigint[]), CAST(:sids AS text[]), CAST(:words AS text[])) AS landed (id, sid, word)
    WHERE message.id = landed.id"""
).bindparams(_NOW)
_SQLITE = text(
    """UPDATE message SET status = landed.word, sid = landed.sid, sent_at = :now, updated_at = :now, worker = NULL,
    lease_until = NULL, reason = NULL, error_code = NULL, final_at = NULL
    FROM (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS sid, json_extract(value, '$[2]') AS word
          FROM json_each(:rows)) AS landed
    WHERE message.id = landed.id"""
).bindparams(_NOW)


class Landed(NamedTuple):
    """A claim that Twilio took, with its SID and its word for it."""

    claim: Claim
    sid: str
    status: MessageStatus


def write(session: Session, landed: Sequence[Landed], *, now: datetime) -> None:
    """Write them all; the caller has locked the rows and knows that each is still its claim's."""
    if not landed:
        return
    rows = [(each.claim.message_id, each.sid, each.status.value) for each in landed]
    if dialect_of(session).name == "postgresql":
        ids, sids, words = zip(*rows, strict=True)
        session.execute(_POSTGRES, {"ids": array(ids), "sids": array(sids), "words": array(words), "now": now})
    else:
        session.execute(_SQLITE, {"rows": json.dumps(rows), "now": now})
    rollups.record(session, ((None, fact) for fact in _facts(landed, now)))


def _facts(landed: Sequence[Landed], now: datetime) -> Iterator[rollups.Fact]:
    """What they add to the daily facts, those of one key in one."""
    alike: defaultdict[tuple[object, ...], list[Landed]] = defaultdict(list)
    for each in landed:
        claim = each.claim
        alike[
            claim.account_id, claim.run_id, claim.sender_id, claim.region, claim.kind, claim.encoding, each.status
        ].append(each)
    for same in alike.values():
        claim = same[0].claim
        fact = rollups.fact_of(
            account_id=claim.account_id, day_at=now, run_id=claim.run_id, direction=Direction.OUTBOUND, kind=claim.kind,
            region=claim.region, sender_id=claim.sender_id, status=same[0].status, error_code=None,
            encoding=claim.encoding, segments=sum(each.claim.segments for each in same), price_u=None, has_sid=True,
        )  # fmt: skip
        if fact is not None:
            _, segments, price_u, _ = fact.sums
            yield rollups.Fact(fact.key, (len(same), segments, price_u, len(same)))
