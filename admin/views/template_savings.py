"""Which few changes would make a wording cheaper? The editor's savings panel: plans, what they are worth, and one click to apply.

Nothing is changed here: the server proposes, the person clicks, and the text is saved like any other.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import jsonify
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from admin import auth
from admin.views.guarded import Guarded, page
from admin.views.template_counts import place
from admin.views.template_drafts import draft
from admin.views.template_trials import known_fields, people
from admin.views.template_worth import Prices, Worth, prices, worth
from models.campaigns import Audience
from models.money import show
from sender.edits import Edit
from sender.optimiser import Advice, Effect, Excess, Obstacle, Plan, advise
from sender.syntax import TemplateError
from sender.templates import parse

PLANS = 4
"""Plans that are shown: of more, the smallest and the largest without a change of wording and with one."""
AROUND = 18
"""Characters shown on either side of a change."""


class TemplateSavings(Guarded):
    """Mix-in of the template pages: what the editor asks while one types."""

    @page("/savings/", "POST")
    def savings(self) -> Response:
        """The plans for a wording as it stands: JSON in, JSON out; nothing is written."""
        asked, day = draft(self.now().date()), self.now().date()
        given = prices(self.database, self.account.id, day=day) if auth.allowed("cost:view") else None
        return jsonify(savings(self.database, self.account.id, asked.source, given, typed=len(asked.typed)))


@dataclass(frozen=True)
class _Basis:
    """What the figures rest on."""

    regions: tuple[str, ...]
    audience: Audience | None
    prices: Prices | None

    def worth(self, effects: Sequence[Effect | None]) -> Worth:
        return worth(effects, self.regions, self.audience, self.prices)


def savings(
    session: Session, account_id: int, source: str, given: Prices | None, *, typed: int | None = None
) -> dict[str, Any]:
    """Everything that the panel shows, as JSON has it; without prices, no money. A source that is no template has no plans.

    `typed`: how many of its characters stand in the editor; what follows them is added later, and is not for changing.
    """
    try:
        template = parse(source)
    except TemplateError:
        return {
            "basis": "",
            "plans": [],
            "excess": "",
            "obstacles": [],
            "nothing": "Savings show once the text can be read.",
        }
    newest = known_fields(session, account_id).newest
    tried = people(session, account_id, template, newest)
    advice = advise(source, [person.fields for person in tried])
    if not any(advice.bodies):
        newest, tried = None, people(session, account_id, template, None)
        advice = advise(source, [person.fields for person in tried])
    basis = _Basis(tuple(person.region for person in tried), newest, given)
    end = len(source) if typed is None else typed
    within = [plan for plan in advice.plans if plan.edits[-1].end <= end]
    return {
        "basis": _based(basis),
        "plans": [_plan(source, plan, basis) for plan in _shown(within)],
        "excess": _excess(advice.excess, basis),
        "obstacles": [_obstacle(source, one) for one in advice.obstacles],
        "nothing": "" if within or advice.excess else _nothing(advice),
    }


def _nothing(advice: Advice) -> str:
    if not any(advice.bodies):
        return "Nobody would get this text as it stands."
    return "There is nothing to save: no change that we know makes this text cheaper."


def _based(basis: _Basis) -> str:
    if basis.audience is None:
        return "Worked out on invented values; with a list there are figures in money."
    usable, tried = max(basis.audience.usable, len(basis.regions)), len(basis.regions)
    said = f"Worked out for {usable:,} people on {basis.audience.name}"
    if usable > tried:
        said = f"Estimated for {usable:,} people on {basis.audience.name}, from the first {tried:,}"
    if basis.prices is None:
        return f"{said}."
    return f"{said}, by the rate card {basis.prices.card.name}." if basis.prices.card else f"{said}. {basis.prices.why}"


def _shown(plans: Sequence[Plan]) -> list[Plan]:
    """At most four: the smallest and the largest of each sort."""
    if len(plans) <= PLANS:
        return list(plans)
    sorts = [[plan for plan in plans if plan.wording is wording] for wording in (False, True)]
    return [plan for sort in sorts for plan in dict.fromkeys([*sort[:1], *sort[-1:]])]


def _plan(source: str, plan: Plan, basis: _Basis) -> dict[str, Any]:
    count = len(plan.edits)
    return {
        "title": f"{count} change{'s' if count > 1 else ''}{' with other words' if plan.wording else ' of the look only'}",
        "wording": plan.wording,
        "gain": _gain(plan),
        "worth": _worth(basis.worth(plan.effects)) if plan.saved else "",
        "edits": [_edit(source, one) for one in plan.edits],
        "done": f"{count} change{'s' if count > 1 else ''} made. You can undo {'them' if count > 1 else 'it'}.",
    }


def _gain(plan: Plan) -> str:
    """What becomes of the texts: how many segments they have and will have, for how many people, the most frequent first."""
    effects = [effect for effect in plan.effects if effect is not None]
    if not plan.saved:
        room = f"Takes {_of(plan.freed, effects)} out of UCS-2: no segment fewer yet, but 160 characters fit in one"
        return f"{room} instead of 70."
    ways = Counter((one.before.segments, one.after.segments) for one in effects if one.saved)
    said = [f"{_segments(before)} become {after} for {count:,}" for (before, after), count in ways.most_common(3)]
    if len(effects) == 1:
        [(before, after)] = ways
        return f"{_segments(before)} become {after}."
    longer = sum(one.saved < 0 for one in effects)
    rest = f"; {longer:,} would take more than now" if longer else ""
    return f"{', '.join(said)} of the {len(effects):,} texts tried{rest}."


def _of(count: int, effects: Sequence[Effect]) -> str:
    return "the text" if len(effects) == 1 else f"{count:,} of the {len(effects):,} texts tried"


def _segments(count: int) -> str:
    return f"{count} segment{'s' if count > 1 else ''}"


def _worth(found: Worth) -> str:
    """The saving on the whole list, in segments and in money."""
    about = "about " if found.estimated else ""
    said = f"Saves {about}{found.segments:,} segment{'s' if found.segments != 1 else ''}"
    if found.amount_u is not None:
        said += f" = {show(found.amount_u)}"
        if not found.confirmed:
            said += " (some rates are unconfirmed)"
    if found.unrated:
        said += f"; no price is known for {', '.join(found.unrated)}"
    return f"{said} if sent to all {found.texts:,}." if found.texts > 1 else f"{said} a text."


def _excess(found: Excess | None, basis: _Basis) -> str:
    if found is None:
        return ""
    count = found.characters
    said = f"Remove {count} character{'s' if count > 1 else ''} to save one segment of the typical text."
    return f"{said} {_worth(basis.worth(found.effects))}"


def _obstacle(source: str, one: Obstacle) -> dict[str, str]:
    where = "in a recipient's value" if one.index is None else place(source, one.index)
    times = f", {one.times} times" if one.times > 1 else ""
    cost = "It alone costs no segment."
    if one.after < one.before:
        cost = f"Without it the typical text would be {_segments(one.after)} instead of {one.before}."
    return {"char": one.char, "text": f"{one.name.capitalize()} ({where}{times}) cannot be replaced. {cost}"}


def _edit(source: str, one: Edit) -> dict[str, Any]:
    """A change as the page shows it; its places count UTF-16 units, as a browser does."""
    left, right = source[max(0, one.start - AROUND) : one.start], source[one.end : one.end + AROUND]
    return {
        "start": _units(source[: one.start]),
        "end": _units(source[: one.end]),
        "before": one.before,
        "after": one.after,
        "left": ("…" if one.start > AROUND else "") + left,
        "right": right + ("…" if one.end + AROUND < len(source) else ""),
        "removed": _visible(one.before),
        "added": _visible(one.after),
        "said": f"{_named(one)} {f'becomes {_spoken(one.after)}' if one.after else 'is removed'}",
        "note": one.note,
    }


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_SEEN = {" ": "␣", "\n": "↵", "\r": "↵", "\t": "⇥"}


def _visible(text: str) -> str:
    """A text of which every character shows: spaces only where there is nothing else."""
    if text.strip() and text.isprintable():
        return text
    return "".join(_SEEN.get(char) or (char if char.isprintable() else "␣" if char.isspace() else "·") for char in text)


def _named(one: Edit) -> str:
    """What a change replaces, as a screen reader should say it: words as they stand, signs by what is known of them."""
    return f"“{one.before}”" if any(char.isalnum() for char in one.before) else one.note


def _spoken(text: str) -> str:
    """What comes instead: words as they stand, signs by their names."""
    if any(char.isalnum() for char in text):
        return f"“{text}”"
    return ", ".join(
        {"\n": "line break", "\r": "carriage return", "\t": "tab"}.get(char) or unicodedata.name(char, "a sign").lower()
        for char in text[:6]
    )
