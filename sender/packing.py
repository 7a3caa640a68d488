"""Which fewest changes make a text take fewer segments? Exact: the answer of trying every subset, without trying them.

A text is packed, not divided (`models.segments`): a pair that does not fit moves on and leaves a unit free, so what a change
saves depends on all that stand before it. But packing keeps its order: of two beginnings of a text that end at the same
place, the one with fewer changes and no more units can only end better. So the text is walked once, and at each place only
those choices are kept than which none is both smaller and shorter, and which can still gain something.

The smallest choice has the fewest changes; of those the least cost; then the fewest characters changed; then the leftmost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from models.segments import BASIC, EXTENSION, GSM_PART, GSM_SINGLE, UCS_PART, UCS_SINGLE, Encoding, measure


class Change(NamedTuple):
    """One possible change of a text: `after` instead of what stands from `start` to `end`; `size` is the characters changed."""

    start: int
    end: int
    after: str
    cost: int
    size: int


@dataclass(frozen=True)
class _Alphabet:
    """How an encoding counts: its limits, its characters (None: all), and those that take two units."""

    single: int
    part: int
    characters: frozenset[str] | None
    doubles: re.Pattern[str]


_GSM = _Alphabet(GSM_SINGLE, GSM_PART, frozenset(BASIC + EXTENSION), re.compile(f"[{re.escape(EXTENSION)}]"))
_UCS = _Alphabet(UCS_SINGLE, UCS_PART, None, re.compile("[\U00010000-\U0010ffff]"))


class _Piece(NamedTuple):
    """A part of a text: its units, and after how many of them each pair begins."""

    units: int
    doubles: tuple[int, ...]


class _Way(NamedTuple):
    """How the text may go on from a place: by what stands there, or by a change of this rank."""

    end: int
    piece: _Piece
    rank: int


_Ways = dict[int, list[_Way]]
_Front = list[tuple[int, int]]
"""Choices at one place, each with its rank (less is better) and the units so far; ranks rise, units fall."""


def smallest(text: str, changes: Sequence[Change]) -> list[tuple[int, ...]]:
    """For each lower number of segments that can be reached, and for leaving UCS-2, the smallest choice, by its indexes.

    `changes` are in the order of their starts; of two that overlap at most one is chosen. Each choice is named once, the
    smallest first; [] where nothing can be gained. 8 ms for 1,600 characters with 60 possible changes; the work grows with
    the square of the changes.
    """
    if not text.strip():
        return []
    now, ranks = measure(text), _ranks(changes)
    best: dict[int, int] = {}
    plain = _gains(_ways(text, changes, ranks, _GSM), _GSM, now.segments, best)
    wanted = set(best.values())
    if now.encoding is Encoding.UCS_2:
        _gains(_ways(text, changes, ranks, _UCS), _UCS, now.segments, best)
        wanted = {*best.values(), *([] if plain is None else [plain])}
    return [_chosen(rank, len(changes)) for rank in sorted(wanted)]


def _ranks(changes: Sequence[Change]) -> list[int]:
    """A number for each change; the sums of two choices compare as the choices do.

    The digits of a sum are: how many, their cost, their size, and last a bit for each change, taken away, the leftmost the
    highest: of as many changes, those that begin more to the left take away more.
    """
    costs, sizes = 1 + sum(one.cost for one in changes), 1 + sum(one.size for one in changes)
    count = len(changes)
    return [
        (((costs + one.cost) * sizes + one.size) << count) - (1 << (count - 1 - index))
        for index, one in enumerate(changes)
    ]


def _chosen(rank: int, count: int) -> tuple[int, ...]:
    bits = -rank & ((1 << count) - 1)
    return tuple(index for index in range(count) if bits >> (count - 1 - index) & 1)


def _gains(ways: _Ways, alphabet: _Alphabet, now: int, best: dict[int, int]) -> int | None:
    """Note in `best` the least rank for each number of segments below `now`; the least rank of all, None if no way is whole."""
    least, rest = {max(ways): 0}, {max(ways): 0}
    for place in sorted(ways, reverse=True):
        onward = [way for way in ways[place] if way.end in rest]
        if onward:
            least[place] = min(way.rank + least[way.end] for way in onward)
            rest[place] = min(way.piece.units + rest[way.end] for way in onward)
    if 0 not in rest:
        return None
    for part in (0, alphabet.part):
        for rank, units in _walked(ways, rest, alphabet.single, part, now, best):
            for goal in range(max(1, _segments(units, alphabet.single, part, now)), now):
                best[goal] = min(best.get(goal, rank), rank)
    return least[0]


def _segments(units: int, single: int, part: int, now: int) -> int:
    """How many segments so many units are; undivided (`part` 0) they are one, or no gain."""
    return -(-units // part) if part else 1 if units <= single else now


def _ways(text: str, changes: Sequence[Change], ranks: Sequence[int], alphabet: _Alphabet) -> _Ways:
    """From each place where a change begins or ends, and from the beginning, the ways on; the places in their order."""
    useful = [
        (one, ranks[index], piece) for index, one in enumerate(changes) if (piece := _useful(text, one, alphabet))
    ]
    places = sorted({0, len(text), *(place for one, _, _ in useful for place in one[:2])})
    ways: _Ways = {place: [] for place in places}
    for place, following in pairwise(places):
        literal = _piece(text[place:following], alphabet)
        if literal is not None:
            ways[place].append(_Way(following, literal, 0))
    for one, rank, piece in useful:
        ways[one.start].append(_Way(one.end, piece, rank))
    return ways


def _piece(text: str, alphabet: _Alphabet) -> _Piece | None:
    """A part of a text as an encoding counts it; None if it cannot say it."""
    if alphabet.characters is not None and not alphabet.characters.issuperset(text):
        return None
    doubles = tuple(match.start() + before for before, match in enumerate(alphabet.doubles.finditer(text)))
    return _Piece(len(text) + len(doubles), doubles)


def _useful(text: str, change: Change, alphabet: _Alphabet) -> _Piece | None:
    """What a change puts there, if it can gain anything: characters that cannot be said, units, or a pair."""
    before, after = _piece(text[change.start : change.end], alphabet), _piece(change.after, alphabet)
    return after if before is None or (after and (after.units < before.units or before.doubles)) else None


def _walked(ways: _Ways, rest: dict[int, int], single: int, part: int, now: int, best: dict[int, int]) -> _Front:
    """The choices at the end of the text that gain something. With `part` 0 there is no boundary: units are added up.

    `rest` has the fewest units that may still come after a place; where it has none, no way leads to the end.
    """
    fronts: defaultdict[int, _Front] = defaultdict(list)
    fronts[0] = [(0, 0)]
    for place, onward in ways.items():
        front = [
            (rank, units)
            for rank, units in _shorter(fronts[place])
            if (goal := _segments(units + rest[place], single, part, now)) < now
            and (goal not in best or rank < best[goal])
        ]
        fronts[place] = front
        for way in onward if front else ():
            if way.end in rest:
                fronts[way.end] += _moved(front, way, part)
    return fronts[max(ways)]


def _moved(front: _Front, way: _Way, part: int) -> _Front:
    """The choices after another piece of the text."""
    more, units_more = way.rank, way.piece.units
    if not part or not way.piece.doubles:
        return [(rank + more, units + units_more) for rank, units in front]
    known: dict[int, int] = {}
    moved = []
    for rank, units in front:
        at = units % part
        if at not in known:
            known[at] = _taken(at, way.piece, part)
        moved.append((rank + more, units + known[at]))
    return moved


def _taken(at: int, piece: _Piece, part: int) -> int:
    """The units that a piece takes up from a place in a segment, with those that its pairs leave free."""
    free = 0
    for double in piece.doubles:
        free += (at + double + free) % part == part - 1
    return piece.units + free


def _shorter(front: _Front) -> _Front:
    """Without the choices than which another is both smaller and no longer."""
    if len(front) < 2:
        return front
    kept: _Front = []
    for rank, units in sorted(front):
        if not kept or units < kept[-1][1]:
            kept.append((rank, units))
    return kept
