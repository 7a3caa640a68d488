"""What does a template say to each of many people? As `sender.templates.render` would, with each value worked out once.

Lists repeat themselves: most first names, amounts and dates occur many times, and a filter costs more than all the rest of a text.
What is odd about a row (a value missing, too long or unfit) is left to `render`, so that there is one place that says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from sender.syntax import Part, Variable
from sender.templates import RenderProblem, Template, branch, finished, present, render, text_of

KEPT = 10_000
"""Values kept of each variable."""


class Wording:
    """Renders one template for many."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._texts: dict[int, dict[str, str]] = {}

    def __call__(self, fields: Mapping[str, object]) -> str:
        """The body, or RenderProblem, just as `render` has it."""
        out: list[str] = []
        try:
            self._fill(self._template.parts, fields, out)
        except (RenderProblem, _Odd):
            return render(self._template, fields)
        return finished("".join(out))

    def _fill(self, parts: tuple[Part, ...], fields: Mapping[str, object], out: list[str]) -> None:
        for part in parts:
            if isinstance(part, str):
                out.append(part)
                continue
            value = fields.get(part.name)
            if isinstance(part, Variable):
                texts = self._texts.get(id(part))
                text = texts.get(value) if texts is not None and isinstance(value, str) else None
                out.append(self._new(part, value) if text is None else text)
            else:
                self._fill(branch(part, present(value)), fields, out)

    def _new(self, variable: Variable, value: object) -> str:
        """What a variable makes of a value, kept for the next time."""
        found = present(value)
        if found is None:
            if variable.default is None:
                raise _Odd
            return variable.default
        text = text_of(variable, found)
        if isinstance(value, str):
            kept = self._texts.setdefault(id(variable), {})
            if len(kept) >= KEPT:
                kept.clear()
            kept[value] = text
        return text


class _Odd(Exception):
    """A value is missing."""
