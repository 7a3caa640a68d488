"""Which few changes of a wording would save segments, for whom, and what stands in the way? Proposes; never changes anything.

A plan is the smallest set of changes (`sender.packing`) that reaches a lower number of segments or leaves UCS-2. Only the
literal text of a template is changed, never what stands in `{{ … }}`, `{% … %}` or `${…}`. What counts is the rendered text,
which is another for every recipient: plans are worked out for a typical recipient, for the longest text and for the longest
in UCS-2, and each is then rendered for all who are given, so that it says for how many of them it holds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import starmap
from typing import NamedTuple

from models.segments import Culprit, Encoding, Measure, explain, measure
from sender.edits import Edit, EditKind, applied, found
from sender.packing import Change, smallest
from sender.syntax import Choice, Parsed, Part, clean, read
from sender.templates import RenderProblem, Template, TemplateError, parse, present, render, text_of

NEAR = 8
"""Characters over a boundary that are worth a word: so few can be cut by hand."""


class Effect(NamedTuple):
    """One recipient's text before and after."""

    before: Measure
    after: Measure

    @property
    def saved(self) -> int:
        """Segments; 0 where it takes as many as before."""
        return self.before.segments - self.after.segments


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of changes, the text after them, and what they do to each recipient's text (None: they get no text at all)."""

    edits: tuple[Edit, ...]
    text: str
    effects: tuple[Effect | None, ...]

    @property
    def wording(self) -> bool:
        """Whether any of the changes changes what is said."""
        return any(one.wording for one in self.edits)

    @property
    def holds(self) -> int:
        """For how many recipients it saves a segment."""
        return sum(one is not None and one.saved > 0 for one in self.effects)

    @property
    def saved(self) -> int:
        """The segments that it saves for all of them together."""
        return sum(one.saved for one in self.effects if one is not None)

    @property
    def freed(self) -> int:
        """How many texts it takes out of UCS-2."""
        return sum(
            one is not None and one.before.encoding is Encoding.UCS_2 and one.after.encoding is Encoding.GSM_7
            for one in self.effects
        )


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A character outside the alphabet that no change replaces. `index` is its first place in the source, None in a value.

    `before` and `after` are the segments of the typical text with all else replaced, as it is and without this character.
    """

    char: str
    name: str
    index: int | None
    times: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Excess:
    """The typical text is so few `characters` over a boundary; that many fewer at its end, and `effects` says what is saved."""

    characters: int
    effects: tuple[Effect | None, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """All that can be said about a wording: its plans, the smallest first, those that change what is said last."""

    plans: tuple[Plan, ...]
    excess: Excess | None
    obstacles: tuple[Obstacle, ...]
    bodies: tuple[str | None, ...]
    """The text of each recipient as it is now; None where none can be made."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """A rendered text, and the changes of the source that show in it, at their places there."""

    body: str
    changes: tuple[tuple[Edit, Change], ...]
    literals: tuple[tuple[int, int, int], ...] = ()
    """(place in the body, its end, place in the source) of each literal."""


_Anew = Callable[[str], Sequence[str | None]]
"""What everybody would get after a change of the source."""


def plans(text: str, *, on: date | None = None) -> list[Plan]:
    """The plans for a finished text, as it stands, with the edits in force on a day (with no day: those without an end)."""
    edits = found(text, [(0, len(text))], on=on)
    changes = tuple((one, Change(one.start, one.end, one.after, one.cost, one.size)) for one in edits)
    return _plans([_Laid(text, changes)], text, [text], lambda changed: [changed])


def advise(source: str, people: Sequence[Mapping[str, object]], *, on: date | None = None) -> Advice:
    """What can be said about a template, tried on the fields of some recipients. Raises TemplateError if it is none yet."""
    template, parsed = parse(source), read(source, None)
    bodies = [_rendered(template, fields) for fields in people]
    order = sorted((measure(body)[::-1], index) for index, body in enumerate(bodies) if body is not None)
    if not order:
        return Advice((), None, (), tuple(bodies))
    typical, longest = order[len(order) // 2][1], order[-1][1]
    dear = [index for size, index in order if size[2] is Encoding.UCS_2][-1:]
    edits = found(source, parsed.literals, on=on)
    laid = [_laid(parsed, people[index], source, edits) for index in dict.fromkeys([typical, longest, *dear])]
    if any(isinstance(part, Choice) for part in parsed.parts):
        laid.append(_laid(parsed, None, source, edits))

    def anew(changed: str) -> Sequence[str | None]:
        other = parse(changed)
        return [None if body is None else _rendered(other, fields) for body, fields in zip(bodies, people, strict=True)]

    chosen = _plans(laid, source, bodies, anew, fields=template.fields)
    return Advice(tuple(chosen), _excess(bodies, typical), tuple(_obstacles(laid[0])), tuple(bodies))


def _rendered(template: Template, fields: Mapping[str, object]) -> str | None:
    try:
        return render(template, fields)
    except RenderProblem:
        return None


def _plans(
    laid: Sequence[_Laid],
    source: str,
    bodies: Sequence[str | None],
    anew: _Anew,
    *,
    fields: tuple[str, ...] | None = None,
) -> list[Plan]:
    """The plans of which none is both smaller and better: without a change of wording first, then the smallest first."""
    sets = dict.fromkeys(
        tuple(pool[index][0] for index in choice)
        for one in laid
        for pool in _pools(one.changes)
        for choice in smallest(one.body, [change for _, change in pool])
    )
    kept: list[Plan] = []
    for edits in sorted(sets, key=_rank):
        text = applied(source, edits)
        if fields is not None and not _same(text, fields):
            continue  # what was taken away had kept two brackets apart
        plan = Plan(edits, text, tuple(starmap(_effect, zip(bodies, anew(text), strict=True))))
        if (plan.saved > 0 or (plan.saved == 0 and plan.freed)) and not any(_better(other, plan) for other in kept):
            kept.append(plan)
    return kept


def _pools(changes: Sequence[tuple[Edit, Change]]) -> list[list[tuple[Edit, Change]]]:
    """The changes of the look alone, and where there are others, all of them."""
    look = [pair for pair in changes if not pair[0].wording]
    return [look] if len(look) == len(changes) else [look, list(changes)]


def _rank(edits: tuple[Edit, ...]) -> tuple[bool, int, int, int, list[int]]:
    worded = any(one.wording for one in edits)
    cost, size = sum(one.cost for one in edits), sum(one.size for one in edits)
    return worded, len(edits), cost, size, [one.start for one in edits]


def _same(changed: str, fields: tuple[str, ...]) -> bool:
    try:
        return parse(changed).fields == fields
    except TemplateError:
        return False


def _effect(before: str | None, after: str | None) -> Effect | None:
    return None if before is None or after is None else Effect(measure(before), measure(after))


def _better(other: Plan, plan: Plan) -> bool:
    """Whether a plan that comes before another does as much with no more changes."""
    return len(other.edits) <= len(plan.edits) and other.saved >= plan.saved and other.freed >= plan.freed


def _laid(parsed: Parsed, fields: Mapping[str, object] | None, source: str, edits: Sequence[Edit]) -> _Laid:
    """A text that can be rendered, with the places of its literals and of the changes in them.

    Without fields it is the literals of all branches one after another: what leaves UCS-2 there leaves it for everybody.
    """
    pieces: list[str] = []
    literals: list[tuple[int, int, int]] = []
    changes: list[tuple[Edit, Change]] = []
    at = 0
    for text, span in _told(parsed.parts, fields, iter(parsed.literals)):
        if span is not None:
            literals.append((at, at + len(text), span[0]))
            changes += _placed(source, span, text, at, edits)
        pieces.append(text)
        at += len(text)
    return _Laid("".join(pieces), tuple(changes), tuple(literals))


def _told(
    parts: Iterable[Part],
    fields: Mapping[str, object] | None,
    spans: Iterator[tuple[int, int]],
    *,
    said: bool = True,
) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """Each piece of a rendered text with its place in the source; None for a value. What is not `said` only moves `spans` on."""
    for part in parts:
        if isinstance(part, str):
            span = next(spans)
            if said:
                yield _sent(part), span
            continue
        value = present(fields.get(part.name)) if fields is not None else None
        if isinstance(part, Choice):
            yes = value is not None and value is not False
            yield from _told(part.yes, fields, spans, said=said and (yes or fields is None))
            yield from _told(part.no, fields, spans, said=said and not yes)
        elif said and fields is not None:
            yield _sent(part.default or "" if value is None else text_of(part, value)), None


def _sent(text: str) -> str:
    """A piece of a text as it is sent."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _placed(
    source: str, span: tuple[int, int], text: str, at: int, edits: Sequence[Edit]
) -> Iterator[tuple[Edit, Change]]:
    """The changes within one literal that show in the text, with their places there."""
    start, end = span
    as_written = source[start:end] == text
    for one in edits:
        if start <= one.start and one.end <= end:
            first, last = one.start - start, one.end - start
            if not as_written:  # what rendering takes away or composes moves all that follows
                first, last = (len(_sent(clean(source[start : start + place]))) for place in (first, last))
            after = _sent(clean(one.after))
            if first < last and text[first:last] != after:
                yield one, Change(at + first, at + last, after, one.cost, one.size)


def _excess(bodies: Sequence[str | None], typical: int) -> Excess | None:
    body = bodies[typical] or ""
    now = measure(body).segments
    for count in range(1, min(NEAR, len(body) - 1) + 1):
        if measure(body[:-count]).segments < now:
            return Excess(count, tuple(_effect(one, one and one[:-count]) for one in bodies))
    return None


def _obstacles(laid: _Laid) -> Iterator[Obstacle]:
    """What forces UCS-2 in a text and is replaced by no change, each character once, in the order of the text."""
    places = {change.start for edit, change in laid.changes if edit.kind in (EditKind.CHARACTER, EditKind.RULE)}
    stuck: dict[str, list[Culprit]] = {}
    parts, done = [], 0
    for one in explain(laid.body):
        if one.replacement is None or one.index not in places:
            stuck.setdefault(one.char, []).append(one)
        else:
            parts += [laid.body[done : one.index], one.replacement]
            done = one.index + len(one.char)
    rest = "".join(parts) + laid.body[done:]
    before = measure(rest).segments
    for char, found_at in stuck.items():
        places_in_source = [place for one in found_at if (place := _in_source(laid, one.index)) is not None]
        yield Obstacle(
            char, found_at[0].name, next(iter(places_in_source), None), len(found_at), before,
            measure(rest.replace(char, "")).segments,
        )  # fmt: skip


def _in_source(laid: _Laid, index: int) -> int | None:
    return next((place + index - start for start, end, place in laid.literals if start <= index < end), None)
