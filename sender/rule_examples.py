"""Which texts may be sent, and which may not? Examples by kind of organisation, each tested against the rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from models.accounts import Profile, SenderKind
from models.consent import Purpose
from sender.lint_subjects import TemplateFacts
from sender.rule_words import table

BRANDS = ("Harbor Recovery", "Harbor")
"""The organisation that the examples are of."""


@dataclass(frozen=True)
class Example:
    """One text. `rule` is the one that it breaks; empty where it may be sent."""

    profiles: frozenset[str]
    facts: TemplateFacts
    rule: str
    why: str

    def shown_to(self, profile: Profile | None) -> bool:
        """Whether it is an example for this kind of organisation; None asks for any."""
        return profile is None or not self.profiles or profile.value in self.profiles


@cache
def examples() -> tuple[Example, ...]:
    """All of them, in the order of the table."""
    return tuple(
        Example(
            profiles=frozenset(row["profiles"].split()), why=row["why"], rule=row["verdict"].removeprefix("permitted"),
            facts=TemplateFacts(
                row["text"], purpose=Purpose(row["purpose"]), role=row["role"], brands=BRANDS,
                sender_kinds=frozenset({SenderKind(row["sender_kind"])}),
            ),
        )
        for row in table("rule_examples.csv")
    )  # fmt: skip
