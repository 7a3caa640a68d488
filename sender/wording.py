"""What does a template say to each of many people? As `sender.templates.render` would, with each value worked out once.

Lists repeat themselves: most first names, amounts and dates occur many times, and a filter costs more than all the rest of a text.
What is odd about a row (a value missing, too long or unfit) is left to `render`, so that there is one place that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sender.syntax import Choice, Part, Variable
from sender.templates import RenderProblem, Template, branch, finished, present, render, text_of

KEPT = 10_000
"""Values kept of each variable."""


class Wording:
    """Renders one template for many."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._texts: dict[int, dict[str, str]] = {}
        variables = [part for part in template.parts if isinstance(part, Variable)]
        self._steps = [(template.fields.index(part.name), self._kept(part), part) for part in variables]
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

    def complete(self, values: Sequence[object]) -> str | None:
        """The body of somebody whose `values` of the template's fields are all there; None where it takes a closer look."""
        if self._form is None:
            return None
        said = []
        try:
            for place, kept, part in self._steps:
                value = values[place]
                if not value or not isinstance(value, str):
                    return None
                text = kept.get(value)
                said.append(self._said(part, kept, value) if text is None else text)
        except (RenderProblem, _Odd):
            return None
        return finished(self._form % tuple(said))

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
