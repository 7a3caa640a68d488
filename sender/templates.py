"""A message template: parse it once with every mistake placed, render it for each recipient, never run anything.

The language is the small part of Liquid that marketers already type:

    Hi {{ first_name | default: "there" }}, your dues of {{ amount | money }} are due {{ due | date: "%b %-d" }}.
    {% if link %}Pay: {{ link }}{% else %}Call us.{% endif %}

`${first_name}` and `{{ ${first_name} }}` are the same variable, and a dotted name (`contact.first_name`) is one plain
name, looked up as it is written: there are no attributes, calls, loops or arithmetic, and a value put into a text is
never read as template again. A missing value without a default sets the recipient aside; nobody gets "Hi ,".
"""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sender.filters import plain
from sender.syntax import Choice, Part, TemplateError, Variable, clean, read

__all__ = ["MissingField", "RenderCode", "RenderProblem", "Template", "TemplateError", "missing", "parse", "render"]

BODY_LIMIT = 1_600
"""Characters in a rendered body: Twilio refuses more (error 21617)."""
VALUE_LIMIT = 500
"""Characters that one field may put into a body: a longer one is a mistake in the data."""
SOURCE_LIMIT = 5_000


class RenderCode(StrEnum):
    """Why a recipient is set aside."""

    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    VALUE_TOO_LONG = "value_too_long"
    BODY_TOO_LONG = "body_too_long"
    EMPTY_BODY = "empty_body"


class RenderProblem(ValueError):
    """This recipient cannot be sent this template: `code`, the field `names` concerned, a `sentence` without values."""

    def __init__(self, code: RenderCode, names: tuple[str, ...], sentence: str) -> None:
        self.code = code
        self.names = names
        self.sentence = sentence
        super().__init__(sentence)


class MissingField(RenderProblem):
    """Fields without a default are missing or blank; `names` has all of them, in order."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(RenderCode.MISSING_FIELD, names, f"Missing: {', '.join(names)}.")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. `fields` are all its names in order of appearance.

    `required` are those that some recipient may be set aside for: used without a default, other than inside the branch
    that their own `if` guards.
    """

    source: str
    parts: tuple[Part, ...]
    fields: tuple[str, ...]
    required: tuple[str, ...]


def parse(source: str, *, known: Collection[str] | None = None) -> Template:
    """The template, or TemplateError at the first mistake. With `known`, any other field name is a mistake too."""
    if len(source) > SOURCE_LIMIT:
        sentence = f"A template has at most {SOURCE_LIMIT:,} characters."
        raise TemplateError(sentence, source=source, position=SOURCE_LIMIT)
    parsed = read(source, known)
    return Template(source, parsed.parts, parsed.fields, parsed.required)


def render(template: Template, fields: Mapping[str, object]) -> str:
    """The body for one recipient: NFC, line feeds only, no control characters, at most 1,600 characters.

    Raises MissingField with all the missing names, or RenderProblem for a value that does not fit its filter, for a
    value or body that is too long, and for an empty body. 2 to 3 µs for six variables.
    """
    out: list[str] = []
    lacking: list[str] = []
    try:
        _fill(template.parts, fields, out, lacking)
    except RenderProblem:
        # What is missing is told first, so that `missing` and `render` never disagree.
        lacking = missing(template, fields)
        if not lacking:
            raise
    if lacking:
        raise MissingField(tuple(dict.fromkeys(lacking)))
    return finished("".join(out))


def finished(body: str) -> str:
    """The text as it is sent, composed and within bounds, or RenderProblem."""
    # Composing may shorten a text, but its cost must not grow with what a file holds.
    if not body.isascii() and len(body) <= 4 * BODY_LIMIT:
        body = unicodedata.normalize("NFC", body)
    if len(body) > BODY_LIMIT:
        sentence = f"The text would have more than {BODY_LIMIT:,} characters."
        raise RenderProblem(RenderCode.BODY_TOO_LONG, (), sentence)
    if not body or body.isspace():
        raise RenderProblem(RenderCode.EMPTY_BODY, (), "The text would be empty.")
    return body


def missing(template: Template, fields: Mapping[str, object]) -> list[str]:
    """The names without a default that are missing or blank in these fields, in order; [] if `render` lacks nothing."""
    lacking = [
        variable.name
        for part in template.parts
        for variable in (branch(part, present(fields.get(part.name))) if isinstance(part, Choice) else (part,))
        if isinstance(variable, Variable) and variable.default is None and present(fields.get(variable.name)) is None
    ]
    return list(dict.fromkeys(lacking))


def _fill(parts: tuple[Part, ...], fields: Mapping[str, object], out: list[str], lacking: list[str]) -> None:
    for part in parts:
        if isinstance(part, str):
            out.append(part)
            continue
        value = present(fields.get(part.name))
        if isinstance(part, Choice):
            _fill(branch(part, value), fields, out, lacking)
        elif value is None:
            if part.default is None:
                lacking.append(part.name)
            else:
                out.append(part.default)
        elif not part.filters and isinstance(value, str) and len(value) <= VALUE_LIMIT:
            out.append(value)
        else:
            out.append(text_of(part, value))


def branch(choice: Choice, value: object) -> tuple[str | Variable, ...]:
    """What an `if` says for a value."""
    return choice.no if value is None or value is False else choice.yes


def present(value: object) -> object:
    """A value as filters take it, text cleaned and trimmed; None if it is missing, blank or NaN."""
    if isinstance(value, str):
        return (value if value.isascii() and value.isprintable() else clean(value)).strip() or None
    return None if isinstance(value, float) and value != value else value


def text_of(variable: Variable, value: object) -> str:
    """What a variable makes of a value that is present, or RenderProblem."""
    try:
        for apply, argument in variable.filters:
            value = apply(value, argument)
        text = value if isinstance(value, str) else plain(value)
    except (ValueError, ArithmeticError):
        sentence = f"The value of {variable.name} does not fit where the template uses it."
        raise RenderProblem(RenderCode.BAD_VALUE, (variable.name,), sentence) from None
    if len(text) > VALUE_LIMIT:
        sentence = f"The value of {variable.name} has more than {VALUE_LIMIT} characters."
        raise RenderProblem(RenderCode.VALUE_TOO_LONG, (variable.name,), sentence)
    return text
