"""What does a template say to each of many people? As `sender.templates.render` would, with each value worked out once.

Lists repeat themselves: most first names, amounts and dates occur many times, and a filter costs more than all the rest of a text.
What is odd about a row (a value missing, too long or unfit) is left to `render`, so that there is one place that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sender.syntax import Choice, Part, Variable
from sender.templates import BODY_LIMIT, RenderProblem, Template, branch, finished, present, render, text_of

KEPT = 10_000
"""Values kept of each variable."""


class Wording:
    """Renders one template for many."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._texts: dict[int, dict[str, str]] = {}
        variables = [part for part in template.parts if isinstance(part, Variable)]
        self._steps = [(template.fields.index(part.name), self._kept(part), part) for part in variables]
        self._worded = any(isinstance(part, str) and part.strip() for part in template.parts)
        self._form: str | None = None
        if not any(isinstance(part, Choice) for part in template.parts):
            self._form = "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in template.parts)

    def __call__(self, fields: Mapping[str, object]) -> str:
        """The body, or RenderProblem, just as `render` has it."""
        try:
            if self._form is None:
                out: list[str] = []
                self._fill(self._template.parts, fields, out)
                return finished("".join(out))
            said = tuple([self._said(part, kept, fields.get(part.name)) for _, kept, part in self._steps])
        except (RenderProblem, _Odd):
            return render(self._template, fields)
        return finished(self._form % said)

    def many(self, rows: Sequence[Sequence[Any]], at: int) -> list[str | None]:
        """The body of each row, whose values of the template's fields begin at `at`; None where it takes a closer look."""
        if self._form is None:
            return [None] * len(rows)
        columns, odd = [], False
        for place, kept, part in self._steps:
            values = [row[at + place] for row in rows]
            if len(kept) + len(values) > KEPT:
                kept.clear()
            for value in set(values).difference(kept):
                self._learn(part, kept, value)
            columns.append([kept.get(value) for value in values])
            odd = odd or None in columns[-1]
        form, said = self._form, zip(*columns, strict=True) if columns else [()] * len(rows)
        bodies: list[str | None] = [None if odd and None in texts else form % texts for texts in said]
        together = "".join([body for body in bodies if body])
        if self._worded and together.isascii() and len(max(filter(None, bodies), key=len, default="")) <= BODY_LIMIT:
            return bodies
        return [None if body is None else _simply_finished(body) for body in bodies]

    def _learn(self, variable: Variable, kept: dict[str, str], value: object) -> None:
        """Keep what a variable makes of a value, if that is a text and it can."""
        with suppress(RenderProblem, _Odd):
            self._said(variable, kept, value)

    def _fill(self, parts: tuple[Part, ...], fields: Mapping[str, object], out: list[str]) -> None:
        for part in parts:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, Variable):
                out.append(self._said(part, self._kept(part), fields.get(part.name)))
            else:
                self._fill(branch(part, present(fields.get(part.name))), fields, out)

    def _kept(self, variable: Variable) -> dict[str, str]:
        return self._texts.setdefault(id(variable), {})

    def _said(self, variable: Variable, kept: dict[str, str], value: object) -> str:
        """What a variable makes of a value, and is kept for the next time."""
        if isinstance(value, str) and value in kept:
            return kept[value]
        found = present(value)
        if found is None:
            if variable.default is None:
                raise _Odd
            return variable.default
        text = text_of(variable, found)
        if isinstance(value, str):
            if len(kept) >= KEPT:
                kept.clear()
            kept[value] = text
        return text


class _Odd(Exception):
    """A value is missing."""


def _simply_finished(body: str) -> str | None:
    try:
        return finished(body)
    except RenderProblem:
        return None
