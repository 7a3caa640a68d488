"""Which function looks for the breach of which rule? Each registers itself under the rule's id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sender.lint_subjects import SCOPES, Subject
from sender.rule_table import Book, Severity


@dataclass(frozen=True)
class Hit:
    """One breach as a rule's function tells it, with the figures of this subject."""

    sentence: str
    where: tuple[int, int] | None = None
    """Its place in the subject's text: start and end, from 0."""
    fix: str = ""
    """What to do here, where the table's advice can be made more exact."""
    autofix: str | None = None
    """The whole text as it would be right."""
    severity: Severity | None = None
    """Where this breach weighs other than the table says."""


Check = Callable[[Any, Book], Iterator[Hit]]
F = TypeVar("F", bound=Check)
CHECKS: dict[tuple[str, str], Check] = {}
"""(scope letter, rule id) → its function."""


def rule(id_: str, *subjects: type[Subject]) -> Callable[[F], F]:
    """Register a function for a rule and the kinds of subject that it reads."""

    def register(check: F) -> F:
        CHECKS.update({(SCOPES[subject], id_): check for subject in subjects})
        return check

    return register
