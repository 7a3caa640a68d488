"""What is in the file of a decision record? The whole explanation as JSON, with as much of the person as the role may see."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from admin import error_codes
from admin.formatters import mask
from admin.views.why_words import NEEDS, who_may
from models.consent import ConsentEvent
from models.flags import ContactFlag
from sender.evidence import Fact, Topic
from sender.explanation import Explanation
from sender.remedies import SENTENCES


def written(found: Explanation, *, now: datetime, whole: bool, costs: bool) -> str:
    """The record as JSON. `whole`: with number, name and text, else a masked number alone; `costs`: with the price, in micros."""
    return (
        json.dumps(record(found, now=now, whole=whole, costs=costs), ensure_ascii=False, indent=2, default=_plain)
        + "\n"
    )


def record(found: Explanation, *, now: datetime, whole: bool, costs: bool) -> dict[str, Any]:
    """The record as a mapping."""
    error = error_codes.explain(found.message.error_code) if found.message is not None else None
    return {
        "made_at": now,
        "campaign": {"id": found.campaign.id, "name": found.campaign.name, "purpose": found.campaign.purpose},
        "run": found.run.number if found.run is not None else None,
        "row": found.row,
        "person": _person(found, whole=whole),
        "code": found.code,
        "sentence": found.sentence,
        "texted": found.texted,
        "decided_at": found.at,
        "text": found.message.body if whole and found.message is not None else None,
        "consent": _consent(found),
        "flags": [_flag(one) for one in found.flags],
        "facts": [_fact(one) for one in found.facts if costs or one.topic is not Topic.PRICE],
        "error": {"code": error.code, "meaning": error.meaning, "confirmed": error.confirmed} if error else None,
        "steps": [{"at": step.at, "title": step.title, "said": step.said} for step in found.steps],
        "would_change": [
            {"act": one, "sentence": SENTENCES[one], "who": who_may(NEEDS[one])} for one in found.remedies
        ],
    }


def _person(found: Explanation, *, whole: bool) -> dict[str, Any] | None:
    if found.contact is None:
        return None
    phone = found.contact.phone
    person: dict[str, Any] = {"contact": found.contact.id, "phone": phone if whole else mask(phone)}
    return {**person, "name": found.contact.name} if whole else person


def _consent(found: Explanation) -> dict[str, Any] | None:
    if found.consent is None:
        return None
    return {
        "allowed": found.consent.allowed, "sentence": found.consent.sentence(), "as_of": found.at,
        "entries": [_entry(event) for event in found.consent.used],
    }  # fmt: skip


def _entry(event: ConsentEvent) -> dict[str, Any]:
    """An entry of the ledger by what is chained; its content is committed to by `content_hash`."""
    return {
        "id": event.id, "kind": event.kind, "purpose": event.purpose, "source": event.source, "at": event.at,
        "message": event.message_id, "content_hash": event.content_hash, "previous_hash": event.previous_hash, "hash": event.hash,
    }  # fmt: skip


def _flag(flag: ContactFlag) -> dict[str, Any]:
    return {
        "id": flag.id, "kind": flag.kind, "since": flag.since, "raised_at": flag.created_at, "cleared_at": flag.cleared_at,
        "evidence": flag.evidence,
    }  # fmt: skip


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "topic": fact.topic, "name": fact.name, "value": fact.value, "of": list(fact.of) if fact.of else None,
    }  # fmt: skip


def _plain(value: Any) -> str:
    return str(value.isoformat())
