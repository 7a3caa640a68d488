"""Which small changes of a wording could save a segment? Finds them; `sender.packing` chooses the fewest that do.

The changes are dated data, `edits.csv`, in the order of preference. Most change only the look: typography that a phone's
keyboard would not have typed, spaces that nobody sees. Those of the kind `wording` change what is said, if only its tone.
Nothing inside a link is touched, because it would lead elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path

from models.segments import BASIC, EXTENSION
from sender import dated

LIST = Path(__file__).with_name("edits.csv")


class EditKind(StrEnum):
    """How a change is found."""

    CHARACTER = "character"
    RULE = "rule"
    PAIR = "pair"
    WORDING = "wording"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One row of the list; `valid_to` is its last day, None while it is in force. `cost` is what a reader notices, 0 nothing."""

    kind: EditKind
    find: str
    put: str
    cost: int
    note: str
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool

    def in_force(self, on: date | None) -> bool:
        """On that day; with no day, whether it has no end."""
        if on is None:
            return self.valid_to is None
        return dated.counts(self, on)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a source: `before` stands from `start` to `end`, counted in characters from 0, and `after` goes there."""

    start: int
    end: int
    before: str
    after: str
    kind: EditKind
    cost: int
    note: str

    @property
    def wording(self) -> bool:
        """Whether it changes what is said and not only how it looks."""
        return self.kind is EditKind.WORDING

    @property
    def size(self) -> int:
        """How many characters it really changes: what both sides begin or end with does not count."""
        shorter = min(len(self.before), len(self.after))
        head = next((i for i in range(shorter) if self.before[i] != self.after[i]), shorter)
        rest = shorter - head
        tail = next((i for i in range(rest) if self.before[-1 - i] != self.after[-1 - i]), rest)
        return max(len(self.before), len(self.after)) - head - tail


def rows(path: Path = LIST) -> list[Pattern]:
    """Every row of the list, also those that are no longer in force. Lines starting with # are notes."""
    return [
        Pattern(
            EditKind(row["kind"]),
            chr(int(row["from"][2:], 16)) if row["kind"] == EditKind.CHARACTER else row["from"],
            row["to"].replace(r"\n", "\n"),
            int(row["cost"]),
            row["note"],
            row["source"],
            *dated.days(row),
            confirmed=row["confirmed"] == "yes",
        )
        for row in dated.table(path)
    ]


_SPACES = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_RULES = {
    "line_break": re.compile("\r\n?"),
    "trailing": re.compile(rf"[{_SPACES}]+(?=\r?\n)|\s+\Z"),
    "double_spaces": re.compile(rf"[{_SPACES}]{{2,}}(?=\S)"),
    "before_punctuation": re.compile(rf"(?<=\w)[{_SPACES}]+(?=[,.](?:\s|\Z))"),
    "blank_lines": re.compile(r"\n{3,}(?=\S)"),
}
_LINK_ENDS = r"\s\"“”‘’«»…"
_LINK = re.compile(
    rf"(?:https?://|www\.)[^{_LINK_ENDS}]+|(?<![\w.])[\w-]+(?:\.[\w-]+)+/[^{_LINK_ENDS}]*", re.IGNORECASE
)
_INSIDE = 60
"""Characters between two brackets that are still seen as one remark."""
_ALPHABET = frozenset(BASIC + EXTENSION)
_FOREIGN = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")
# A letter with the accents that follow it, or one of the characters that Unicode has twice (the ohm sign is an omega).
_STORED = re.compile("[A-Za-z][\u0300-\u036f]{1,4}|[\u037e\u2126\u212a\u212b]")
_COMPATIBLE = ("<wide>", "<narrow>", "<font>", "<compat>", "<noBreak>")


@dataclass(frozen=True)
class Patterns:
    """The rows in force, as they are looked up."""

    characters: dict[str, Pattern]
    rules: dict[str, Pattern]
    pairs: tuple[Pattern, ...]
    words: dict[str, Pattern]

    @cached_property
    def phrases(self) -> re.Pattern[str]:
        """Any of the wordings, whole, in lower case or with a capital first letter: capitals all through are emphasis."""
        longest = sorted(self.words, key=lambda phrase: (-len(phrase), phrase))
        either = "|".join(f"[{one[0]}{one[0].upper()}]{re.escape(one[1:])}" for one in longest)
        return re.compile(rf"(?<![\w/.@'’&{{}}$%-])(?=({either})(?![\w/@'’{{}}$%-])(?=( ?)([^\W\d_]?)))")


@cache
def patterns(on: date | None = None) -> Patterns:
    """The rows in force on a day; with no day, those without an end."""
    known = [row for row in rows() if row.in_force(on)]
    by_kind = {kind: [row for row in known if row.kind is kind] for kind in EditKind}
    return Patterns(
        {row.find: row for row in by_kind[EditKind.CHARACTER]},
        {row.find: row for row in by_kind[EditKind.RULE]},
        tuple(by_kind[EditKind.PAIR]),
        {row.find: row for row in by_kind[EditKind.WORDING]},
    )


def found(source: str, literals: Sequence[tuple[int, int]], *, on: date | None = None) -> list[Edit]:
    """Every change that the list knows for a source, from left to right, within its literals and outside its links.

    Several may concern the same characters; who applies them has to choose.
    """
    known = patterns(on)
    closed = [match.span() for match in _LINK.finditer(source)]
    every = [*_foreign(source, known), *_ruled(source, known), *_paired(source, known), *_worded(source, known)]
    inside = [
        one
        for one in every
        if any(start <= one.start and one.end <= end for start, end in literals)
        and not any(start < one.end and one.start < end for start, end in closed)
    ]
    return sorted(inside, key=lambda one: (one.start, one.end, one.cost, one.after))


def applied(source: str, edits: Iterable[Edit]) -> str:
    """The source after changes of which no two overlap."""
    parts, done = [], 0
    for one in sorted(edits, key=lambda one: one.start):
        parts += [source[done : one.start], one.after]
        done = one.end
    return "".join(parts) + source[done:]


def _edit(source: str, span: tuple[int, int], after: str, row: Pattern) -> Edit:
    return Edit(*span, source[slice(*span)], after, row.kind, row.cost, row.note)


def _foreign(source: str, known: Patterns) -> Iterator[Edit]:
    """Characters outside the alphabet, by the list or else by Unicode's own data, and letters whose accents are apart."""
    for match in _FOREIGN.finditer(source):
        row, char = known.characters.get(match[0]), match[0]
        if row is not None:
            yield _edit(source, match.span(), row.put, row)
        elif "compatible" in known.rules and unicodedata.decomposition(char).startswith(_COMPATIBLE):
            plain = unicodedata.normalize("NFKC", char)
            if _ALPHABET.issuperset(plain):
                yield _edit(source, match.span(), plain, known.rules["compatible"])
    for match in _STORED.finditer(source) if "composed" in known.rules else ():
        whole = unicodedata.normalize("NFC", match[0])
        if whole != match[0] and _ALPHABET.issuperset(whole):
            yield _edit(source, match.span(), whole, known.rules["composed"])


def _ruled(source: str, known: Patterns) -> Iterator[Edit]:
    for name, pattern in _RULES.items():
        if name in known.rules:
            row = known.rules[name]
            yield from (_edit(source, match.span(), row.put, row) for match in pattern.finditer(source))


def _paired(source: str, known: Patterns) -> Iterator[Edit]:
    """Both brackets at once: one alone would leave a pair that does not match."""
    for row in known.pairs:
        opening, closing = map(re.escape, row.find)
        pattern = re.compile(rf"{opening}([^\[\]{{}}\n]{{0,{_INSIDE}}}){closing}")
        for match in pattern.finditer(source):
            yield _edit(source, match.span(), f"{row.put[0]}{match[1]}{row.put[1]}", row)


def _worded(source: str, known: Patterns) -> Iterator[Edit]:
    for match in known.phrases.finditer(source) if known.words else ():
        phrase, space, letter = match[1], match[2], match[3]
        row = known.words[phrase.lower()]
        capital, end = phrase[0].isupper(), match.start() + len(phrase)
        if row.put:
            after = row.put[0].upper() + row.put[1:] if capital else row.put
        elif space and letter:
            after, end = letter.upper() if capital else letter, end + len(space) + len(letter)
        else:
            continue
        yield _edit(source, (match.start(), end), after, row)
