"""What a template's source says: its parts in order, or the place of the first mistake and what to do about it.

The grammar, whole: text; `{{ name | filter: argument | … }}` or the same within `${…}`; and, one level deep,
`{% if name %}…{% else %}…{% endif %}`. A name may have dots and is one word. An argument is a quoted text or a number.
"""

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

from sender.filters import FILTERS, Filter, refusal

NAME_LIMIT = 64


class TemplateError(ValueError):
    """A template that cannot be used. `sentence` says what to change; `position` counts from 0, `line`, `column` from 1."""

    def __init__(self, sentence: str, *, source: str, position: int) -> None:
        self.sentence = sentence
        self.position = position
        self.line = source.count("\n", 0, position) + 1
        self.column = position - source.rfind("\n", 0, position)
        super().__init__(f"Line {self.line}, column {self.column}: {sentence}")


@dataclass(frozen=True, slots=True)
class Variable:
    """One place to fill: the field, its filters in order, and the finished text to use where the field is missing."""

    name: str
    filters: tuple[tuple[Filter, str | int], ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Two texts, chosen by whether a field has a value."""

    name: str
    yes: tuple["str | Variable", ...]
    no: tuple["str | Variable", ...]


Part = str | Variable | Choice


@dataclass(frozen=True, slots=True)
class Parsed:
    """The parts of a source, all field names in order of appearance, and those that somebody may lack.

    `literals` are the places in the source, start and end, of the texts among the parts, in the order of the parts.
    """

    parts: tuple[Part, ...]
    fields: tuple[str, ...]
    required: tuple[str, ...]
    literals: tuple[tuple[int, int], ...] = ()


def read(source: str, known: Collection[str] | None) -> Parsed:
    """The parsed source. Raises TemplateError, also for a name outside `known` if that is given."""
    reader = _Reader(source, known)
    parts: list[Part] = []
    while True:
        inner, tag = reader.upto_tag()
        parts += inner
        if tag is None:
            return Parsed(tuple(parts), tuple(reader.fields), tuple(reader.required), tuple(reader.literals))
        if tag.word != "if":
            raise reader.error(f"This {tag.word} has no {{% if … %}} before it.", tag.position)
        parts.append(reader.choice(tag))


def clean(text: str) -> str:
    """Text as it may be sent: line feeds only, a tab as a space, nothing invisible that controls or disguises."""
    return _CONTROLS.sub("", _BREAKS.sub("\n", text).replace("\t", " "))


_BREAKS = re.compile("\r\n|[\r\v\x85\u2028\u2029]")
# Controls, stray surrogates, and the marks that turn the reading direction: they can make one link look like another.
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_MARK = re.compile(r"\{\{|\{%|\$\{|\}\}|%\}")
_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"(?P<name>[^\W\d]\w*(?:\.\w+)*)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<number>[0-9]{1,9})|(?P<sign>\}\}|%\}|\$\{|[|:}])"
)
_CLOSING = {"{{": "}}", "{%": "%}", "${": "}"}
_TAGS = ("if", "else", "endif")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class _Tag:
    word: str
    field: str
    position: int


class _Reader:
    """Walks a source from left to right; `at` is where it stands, so that every mistake has its place."""

    def __init__(self, source: str, known: Collection[str] | None) -> None:
        self.source = source
        self.known = known
        self.at = 0
        self.fields: dict[str, None] = {}
        self.required: dict[str, None] = {}
        self.literals: list[tuple[int, int]] = []

    def error(self, sentence: str, position: int) -> TemplateError:
        return TemplateError(sentence, source=self.source, position=position)

    def upto_tag(self, guard: str | None = None) -> tuple[list[str | Variable], _Tag | None]:
        """Text and variables up to the next `{% … %}` (None: the end), inside the branch that `guard` opens."""
        parts: list[str | Variable] = []
        while True:
            mark = _MARK.search(self.source, self.at)
            end = mark.start() if mark else len(self.source)
            literal = clean(self.source[self.at : end])
            if literal:
                parts.append(literal)
                self.literals.append((self.at, end))
            if mark is None:
                self.at = len(self.source)
                return parts, None
            self.at = mark.end()
            if mark[0] not in _CLOSING:
                raise self.error(f"This {mark[0]} closes nothing.", mark.start())
            if mark[0] == "{%":
                return parts, self.tag(mark.start())
            parts.append(self.variable(mark, guard))

    def tag(self, opened: int) -> _Tag:
        word = self.token("name", opened, "if, else or endif")
        if word.text not in _TAGS:
            raise self.error(f'The tag "{word.text}" does not exist; there are only if, else and endif.', word.position)
        field = self.field(self.token("name", opened, "the field's name")) if word.text == "if" else ""
        self.sign("%}", opened)
        return _Tag(word.text, field, opened)

    def choice(self, tag: _Tag) -> Choice:
        """The two branches of an `if` whose tag was just read."""
        yes, end = self.upto_tag(tag.field)
        no: list[str | Variable] = []
        if end is not None and end.word == "else":
            no, end = self.upto_tag()
            if end is not None and end.word == "else":
                raise self.error("This if has two else.", end.position)
        if end is None:
            raise self.error("This if is never closed; add {% endif %}.", tag.position)
        if end.word == "if":
            raise self.error("An if cannot stand inside another; close the first with {% endif %}.", end.position)
        return Choice(tag.field, tuple(yes), tuple(no))

    def variable(self, mark: re.Match[str], guard: str | None) -> Variable:
        opened, closing = mark.start(), _CLOSING[mark[0]]
        name = self.token("name", opened, "a field's name", braced=closing == "}}")
        filters: list[tuple[Filter, str | int]] = []
        default: str | None = None
        while self.sign(("|", closing), opened) == "|":
            word = self.token("name", opened, "a filter's name")
            argument = self.argument(opened)
            if word.text == "default":
                if default is not None or argument is None:
                    raise self.error('Write default once, with its text in quotes: default: "there".', word.position)
                default = clean(argument) if isinstance(argument, str) else str(argument)
                continue
            step = (self.filter(word, argument), "" if argument is None else argument)
            filters.append(step)
            default = self.folded(default, step, word)
        if default is None and name.text != guard:
            self.required.setdefault(name.text)
        return Variable(self.field(name), tuple(filters), default)

    def argument(self, opened: int) -> str | int | None:
        start = self.at
        if self.token("", opened, "").text != ":":
            self.at = start
            return None
        token = self.token("text number", opened, "a text in quotes or a number")
        return int(token.text) if token.kind == "number" else token.text[1:-1]

    def filter(self, word: _Token, argument: str | int | None) -> Filter:
        if word.text not in FILTERS:
            sentence = f'The filter "{word.text}" does not exist; there are default, {", ".join(FILTERS)}.'
            raise self.error(sentence, word.position)
        sentence = refusal(word.text, argument) or ""
        if sentence:
            raise self.error(sentence, word.position)
        return FILTERS[word.text]

    def folded(self, default: str | None, step: tuple[Filter, str | int], word: _Token) -> str | None:
        """The default after a filter that follows it, worked out now so that a mistake shows while it is written."""
        if default is None:
            return None
        try:
            return step[0](default, step[1])
        except ValueError:
            sentence = f"The default does not fit the filter {word.text}; put default last."
            raise self.error(sentence, word.position) from None

    def field(self, token: _Token) -> str:
        """A field's name, noted; refused if it is not among the known ones."""
        if len(token.text) > NAME_LIMIT:
            raise self.error(f"A name has at most {NAME_LIMIT} characters.", token.position)
        if self.known is not None and token.text not in self.known:
            close = difflib.get_close_matches(token.text, [*self.known], n=1)
            hint = f'; did you mean "{close[0]}"?' if close else "."
            raise self.error(f'There is no field "{token.text}"{hint}', token.position)
        self.fields.setdefault(token.text)
        return token.text

    def sign(self, wanted: str | tuple[str, ...], opened: int) -> str:
        signs = (wanted,) if isinstance(wanted, str) else wanted
        token = self.token("", opened, "")
        if token.kind != "sign" or token.text not in signs:
            raise self.error(f"Expected {' or '.join(signs)} here.", token.position)
        return token.text

    def token(self, kinds: str, opened: int, wanted: str, *, braced: bool = False) -> _Token:
        """The next word, text, number or sign; with `braced`, a word may stand in `${…}`."""
        space = _SPACE.match(self.source, self.at)
        self.at = space.end() if space else self.at
        found = _TOKEN.match(self.source, self.at)
        if found is None:
            raise self.unreadable(opened)
        token = _Token(found.lastgroup or "", found[0], self.at)
        self.at = found.end()
        if braced and token.text == "${":
            inner = self.token(kinds, opened, wanted)
            self.sign("}", opened)
            return inner
        if kinds and token.kind not in kinds.split():
            raise self.error(f"Expected {wanted} here.", token.position)
        return token

    def unreadable(self, opened: int) -> TemplateError:
        """The mistake at a place where no word, text, number or sign begins."""
        char = self.source[self.at : self.at + 1]
        if not char:
            mark = self.source[opened : opened + 2]
            return self.error(f"This {mark} is never closed with {_CLOSING[mark]}.", opened)
        if char in "\"'":
            return self.error("This quotation mark is never closed.", self.at)
        if char in "“”‘’„«»":
            return self.error("Use straight quotation marks here.", self.at)
        shown = char if char.isprintable() else f"U+{ord(char):04X}"
        return self.error(f"The character {shown} cannot stand here.", self.at)
