"""Which rules about a recipient bind this account, and does one of them forbid a text to this person?

What the provider or arithmetic enforces is looked at elsewhere, row by row: country, line, window, caps, flags, a no. Here are
the rules about consent that rest on law or contract. They bind once the account's counsel confirmed them; until then nobody is
left out for them, and nothing is asked. People are alike to a rule in a few things only, so each kind of recipient is asked
about once, and a million of them cost a million look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.accounts import Account, Profile
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.rules import RuleDecision
from sender import waivers
from sender.among import among
from sender.compliance import confirmation, lint
from sender.lint_subjects import RecipientFacts
from sender.rule_table import book
from sender.whereabouts import Whereabouts, bound

ASKED = frozenset({"N01", "N02", "N13", "N16", "N18"})
"""The rules whose facts are known of every recipient, and that nothing else enforces."""
_YES = frozenset({ConsentKind.OPT_IN, ConsentKind.RE_SUBSCRIBE})
_ANSWERS = (
    select(ConsentEvent.phone, ConsentEvent.kind, ConsentEvent.source, ConsentEvent.at)
    .where(ConsentEvent.account_id == bindparam("account"), among(ConsentEvent.phone, "phones"))
    .where(ConsentEvent.purpose.in_(bindparam("purposes", expanding=True)))
    .where(ConsentEvent.kind.in_(sorted({*_YES, ConsentKind.OPT_OUT})))
    .order_by(ConsentEvent.id)
)
PHONES = 5_000
"""Numbers asked for in one query."""


class Yes(NamedTuple):
    """The consent that stands for one number: how we know it, and since which day (UTC), where a rule asks for that."""

    source: ConsentSource
    day: date | None


@dataclass(frozen=True)
class RecipientRules:
    """The rules that bind, for the texts of one campaign on one day."""

    account_id: int
    profile: Profile
    purpose: Purpose
    now: datetime
    on: date
    decisions: Sequence[RuleDecision]
    _known: dict[tuple[Whereabouts, Yes | None], str] = field(default_factory=dict)

    def breach(self, where: Whereabouts, yes: Yes | None) -> str:
        """The rule that forbids a text to somebody there who agreed like that, as its id and title; "" where none does."""
        key = where, yes
        if key not in self._known:
            self._known[key] = self._asked(where, yes)
        return self._known[key]

    def _asked(self, where: Whereabouts, yes: Yes | None) -> str:
        since = None if yes is None or yes.day is None else datetime.combine(yes.day, time(0), UTC)
        written = None if yes is None else yes.source.value in book(self.on).words("written_source")
        facts = RecipientFacts(
            now=self.now, purpose=self.purpose, region=where.region, places=frozenset(bound(where)), consent=yes is not None,
            written=written, text_consent=yes is not None, electronic_consent=yes is not None,
            agreed_at=since, last_contact_at=since,
        )  # fmt: skip
        found = lint(facts, on=self.on, profile=self.profile, waivers=self.decisions)
        return next((f"{one.rule}, {one.title}" for one in found if one.blocking and one.rule in ASKED), "")

    def agreed(self, session: Session, phones: Iterable[str]) -> dict[str, Yes]:
        """The consent of each of these numbers whose last answer about this purpose is a yes."""
        wanted, found = list(phones), dict[str, Yes]()
        dated = self.profile is Profile.THIRD_PARTY_COLLECTOR  # N13; a day more would make as many kinds as people
        for start in range(0, len(wanted), PHONES):
            given = {"account": self.account_id, "phones": wanted[start : start + PHONES]}
            purposes = [Purpose.ALL, self.purpose]
            for phone, kind, source, at in session.execute(_ANSWERS, {**given, "purposes": purposes}):
                if kind in _YES:
                    found[phone] = Yes(source, at.date() if dated else None)
                else:
                    found.pop(phone, None)
        return found


def binding(session: Session, account: Account, purpose: Purpose, *, now: datetime) -> RecipientRules | None:
    """The rules about recipients that bind an account's texts at a time (aware); None where none does: then nothing is asked."""
    on = now.astimezone(ZoneInfo(account.time_zone)).date()
    decisions = waivers.standing(session, account.id, on)
    rules = [book(on).rules[id_] for id_ in sorted(ASKED & book(on).rules.keys())]
    if not any(rule.confirmed_by or confirmation(rule.id, decisions) for rule in rules):
        return None
    return RecipientRules(account.id, account.profile, purpose, now, on, decisions)
