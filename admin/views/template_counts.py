"""What would this wording cost a recipient? Counts a template while it is written, on rows of the account's newest list.

The text is rendered and measured by the functions that make the real messages, so what the editor shows is what is billed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy.orm import Session

from admin.views.template_trials import Known, Trial, known_fields, tried
from models.campaigns import Audience
from models.segments import GSM_PART, GSM_SINGLE, UCS_PART, UCS_SINGLE, Encoding, Measure, explain, measure
from sender.templates import Template, TemplateError, parse

SHOWN = 12
"""Dear characters that are listed; the rest are counted."""


@dataclass(frozen=True)
class Count:
    """One text as the phone gets it; `left` is how many plain characters fit before another segment is billed."""

    of: str
    body: str
    encoding: str
    units: int
    segments: int
    left: int


@dataclass(frozen=True)
class Dear:
    """A character that forces UCS-2. `index` is its place in the source; None when a recipient's value brings it."""

    char: str
    name: str
    times: int
    index: int | None
    where: str
    replacement: str | None


@dataclass(frozen=True)
class Remark:
    """Something to know about a field of the template."""

    name: str
    where: str
    sentence: str


@dataclass(frozen=True)
class Trouble:
    """Why the source is no template yet; `position` counts from 0."""

    sentence: str
    where: str
    position: int


@dataclass(frozen=True)
class Counted:
    """Everything that the editor shows beside a wording."""

    trouble: Trouble | None = None
    sample: Count | None = None
    longest: Count | None = None
    dear: tuple[Dear, ...] = ()
    dear_others: int = 0
    segments_if_replaced: int | None = None
    """Segments of the sample once every character with a replacement is replaced, where that is fewer."""
    remarks: tuple[Remark, ...] = ()
    tried: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def count(session: Session, account_id: int, source: str) -> Counted:
    """Count a source as it stands; a mistake in it is an answer, too."""
    try:
        template = parse(source)
    except TemplateError as problem:
        return Counted(trouble=Trouble(problem.sentence, place(source, problem.position), problem.position))
    known = known_fields(session, account_id)
    trial = tried(session, account_id, template, known.newest)
    remarks = _remarks(source, template, known, trial)
    where = f"Tried on {trial.rows:,} rows of {known.newest.name}." if known.newest else "Tried on invented values."
    title = "A typical text"
    if not trial.bodies:  # still worth counting while it is written
        trial, title = tried(session, account_id, template, None), "With invented values"
    if not trial.bodies:
        return Counted(remarks=remarks, tried=where)
    trial.bodies.sort(key=lambda one: (one[0].segments, one[0].units, one[1]))
    middle, last = trial.bodies[len(trial.bodies) // 2], trial.bodies[-1]
    dear, others, replaced = _dear(source, middle[2], last[2])
    return Counted(
        sample=_count_of(middle, title),
        longest=_count_of(last, "The longest text") if last[0] != middle[0] else None,
        dear=dear,
        dear_others=others,
        segments_if_replaced=_if_replaced(session, account_id, replaced, known.newest, middle),
        remarks=remarks,
        tried=where,
    )


def place(source: str, position: int) -> str:
    """A position as people find it."""
    line, column = source.count("\n", 0, position) + 1, position - source.rfind("\n", 0, position)
    return f"line {line}, character {column}" if "\n" in source else f"character {column}"


def left(body: str, size: Measure) -> int:
    """How many plain characters may follow before the text needs another segment."""
    single, part = (GSM_SINGLE, GSM_PART) if size.encoding is Encoding.GSM_7 else (UCS_SINGLE, UCS_PART)
    room = (single if size.segments <= 1 else part * size.segments) - size.units
    while room > 0 and measure(body + "a" * room).segments > max(1, size.segments):
        room -= 1  # a pair that moved on left a unit free
    return max(0, room)


def _count_of(body: tuple[Measure, int, str], title: str) -> Count:
    size, _, text = body
    return Count(title, text, size.encoding.value, size.units, size.segments, left(text, size))


def _dear(source: str, *bodies: str) -> tuple[tuple[Dear, ...], int, str]:
    """The characters that force UCS-2 in these texts, how many more there are, and the source without the replaceable ones."""
    own = explain(source)
    firsts: dict[str, Dear] = {}
    times = Counter(one.char for one in own)
    for one in own:
        where = place(source, one.index)
        firsts.setdefault(one.char, Dear(one.char, one.name, times[one.char], one.index, where, one.replacement))
    for body in bodies:
        for one in explain(body):
            brought = Dear(one.char, one.name, 1, None, "in a recipient's value", None)
            firsts.setdefault(one.char, brought)
    parts, done = [], 0
    for one in own:
        if one.replacement is not None:
            parts += [source[done : one.index], one.replacement]
            done = one.index + len(one.char)
    found = tuple(firsts.values())
    return found[:SHOWN], max(0, len(found) - SHOWN), "".join(parts) + source[done:]


def _if_replaced(
    session: Session, account_id: int, replaced: str, newest: Audience | None, middle: tuple[Measure, int, str]
) -> int | None:
    """The segments of the same recipient's text with the replaceable characters replaced, where that is fewer."""
    try:
        trial = tried(session, account_id, parse(replaced), newest)
    except TemplateError:
        return None
    same = next((size.segments for size, number, _ in trial.bodies if number == middle[1]), None)
    return same if same is not None and same < middle[0].segments else None


def _remarks(source: str, template: Template, known: Known, trial: Trial) -> tuple[Remark, ...]:
    """Fields that nobody has, fields that some people lack, and texts that cannot be made."""
    found = []
    for name in template.fields:
        where, lacking = place(source, _position(source, name)), trial.left_out[name]
        if trial.rows and trial.blank[name] == trial.rows:
            found.append(Remark(name, where, _unknown(name, known, required=name in template.required)))
        elif lacking:
            who = f"{lacking:,} of the {trial.rows:,} people tried lack it"
            found.append(Remark(name, where, f"{who} and would get no text. Add a default?"))
    found += [
        Remark("", "", f"{times:,} of the {trial.rows:,} texts tried cannot be made: {sentence}")
        for sentence, times in trial.sentences.items()
    ]
    return tuple(found)


def _unknown(name: str, known: Known, *, required: bool) -> str:
    """What to do about a field that nobody has."""
    close = get_close_matches(name, known.names, n=1)
    if close and close[0] != name:
        return f'is in none of the recent lists; did you mean "{close[0]}"?'
    where = "is empty for everyone tried" if name in known.names else "is in none of the recent lists"
    return f"{where}; people without it get no text unless you add a default." if required else f"{where}."


def _position(source: str, name: str) -> int:
    """Where a field's name first stands inside a tag."""
    tag = re.search(rf"(?:\{{\{{|\{{%|\$\{{)[^}}]*?(?<![\w.]){re.escape(name)}(?![\w.])", source)
    return tag.end() - len(name) if tag else 0
