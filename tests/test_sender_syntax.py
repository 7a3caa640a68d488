"""The template language: every mistake has its place and its words, and no text makes the parser fail otherwise."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sender.templates import SOURCE_LIMIT, TemplateError, parse


@pytest.mark.parametrize(
    ("source", "position", "words"),
    [
        ("Hi {{ first_name", 3, "never closed with }}"),
        ("Hi {{", 3, "never closed"),
        ("Hi ${first_name", 3, "never closed with }"),
        ("Hi {% if a", 3, "never closed with %}"),
        ("Hi }}", 3, "closes nothing"),
        ("Hi %}", 3, "closes nothing"),
        ("Hi {{ }}", 6, "a field's name"),
        ("Hi {{ 'a' }}", 6, "a field's name"),
        ("{{ 1 }}", 3, "a field's name"),
        ("{{ a b }}", 5, "Expected | or }}"),
        ("{{ a }", 5, "Expected | or }}"),
        ("${a | upper", 0, "never closed with }"),
        ("{{ ${a }}", 7, "Expected } here"),
        ("{{ a | }}", 7, "a filter's name"),
        ("{{ a | shout }}", 7, 'The filter "shout" does not exist'),
        ("{{ a | default }}", 7, "Write default once"),
        ("{{ a | default: }}", 16, "a text in quotes or a number"),
        ("{{ a | default: b }}", 16, "a text in quotes or a number"),
        ("{{ a | default: 'x' | default: 'y' }}", 22, "Write default once"),
        ("{{ a | default: “x” }}", 16, "straight quotation marks"),
        ("{{ a | default: ‘x’ }}", 16, "straight quotation marks"),
        ('{{ a | default: "x }}', 16, "quotation mark is never closed"),
        ("{{ a | default: 'soon' | date: '%b' }}", 25, "The default does not fit the filter date"),
        ("{{ a | upper: 2 }}", 7, "takes no argument"),
        ("{{ a | date }}", 7, "needs a pattern"),
        ("{{ a | date: 5 }}", 7, "needs a pattern"),
        ("{{ a | date: '%Q' }}", 7, 'has "%Q"'),
        ("{{ a | date: '5%' }}", 7, 'has "%"'),
        ("{{ a | truncate }}", 7, "needs a length"),
        ("{{ a | truncate: 0 }}", 7, "needs a length"),
        ("{{ a | truncate: 1601 }}", 7, "needs a length"),
        ("{{ a | truncate: 'x' }}", 7, "needs a length"),
        ("{{ a() }}", 4, "The character ("),
        ("{{ a[0] }}", 4, "The character ["),
        ("{{ a + b }}", 5, "The character +"),
        ("{{ a.b.}}", 6, "The character ."),
        ("{{- a }}", 2, "The character -"),
        ("{{ \x07 }}", 3, "U+0007"),
        ("{{ \ud800 }}", 3, "U+D800"),
        ("{% for x in y %}", 3, 'The tag "for" does not exist'),
        ("{% elsif x %}", 3, 'The tag "elsif" does not exist'),
        ("{% %}", 3, "if, else or endif"),
        ("{% if %}", 6, "the field's name"),
        ("{% if a == b %}x{% endif %}", 8, "The character ="),
        ("{% if a %}x", 0, "never closed; add {% endif %}"),
        ("{% if a %}x{% else %}y", 0, "never closed; add {% endif %}"),
        ("{% if a %}{% if b %}x{% endif %}{% endif %}", 10, "cannot stand inside another"),
        ("{% if a %}x{% else %}{% if b %}y", 21, "cannot stand inside another"),
        ("{% if a %}x{% else %}y{% else %}z{% endif %}", 22, "two else"),
        ("x{% else %}", 1, "no {% if"),
        ("x{% endif %}", 1, "no {% if"),
        ("{{ " + "a" * 65 + " }}", 3, "at most 64 characters"),
        ("a" * (SOURCE_LIMIT + 1), SOURCE_LIMIT, "at most 5,000 characters"),
    ],
)
def test_every_mistake_has_its_place_and_its_words(source: str, position: int, words: str) -> None:
    """The position is that of the character to look at, the sentence says what to change."""
    with pytest.raises(TemplateError) as mistake:
        parse(source)
    assert words in mistake.value.sentence
    assert mistake.value.position == position
    assert mistake.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [("{{", 1, 1), ("ab {{", 1, 4), ("ab\n{{", 2, 1), ("ab\ncd\n e {{ a | no }}", 3, 11), ("ab\n\n}}", 3, 1)],
)
def test_lines_and_columns_count_from_one(source: str, line: int, column: int) -> None:
    """As an editor shows them, and in the text of the error."""
    with pytest.raises(TemplateError) as mistake:
        parse(source)
    assert (mistake.value.line, mistake.value.column) == (line, column)
    assert str(mistake.value) == f"Line {line}, column {column}: {mistake.value.sentence}"


def test_unknown_names_are_refused_when_the_known_are_given() -> None:
    """With a suggestion where one is close, in variables and in conditions; without a list any name passes."""
    with pytest.raises(TemplateError) as mistake:
        parse("Hi {{ frist_name }}", known={"first_name", "amount"})
    assert mistake.value.sentence == 'There is no field "frist_name"; did you mean "first_name"?'
    assert mistake.value.position == 6
    with pytest.raises(TemplateError, match=r'There is no field "zzz"\.$'):
        parse("{% if zzz %}x{% endif %}", known=["first_name"])
    with pytest.raises(TemplateError):
        parse("{{ a }}", known=[])
    assert parse("{{ first_name }}", known={"first_name"}).fields == ("first_name",)
    assert parse("{{ frist_name }}").fields == ("frist_name",)


@pytest.mark.parametrize(
    ("source", "fields", "required"),
    [
        ("plain", (), ()),
        ("{{ b }} {{ a }} {{ b }}", ("b", "a"), ("b", "a")),
        ("{{ a | default: 'x' }}", ("a",), ()),
        ("{{ a | default: 'x' }} {{ a }}", ("a",), ("a",)),
        ("{% if a %}{{ a }}{% endif %}", ("a",), ()),
        ("{% if a %}{{ a }} {{ b }}{% else %}{{ c }}{% endif %}", ("a", "b", "c"), ("b", "c")),
        ("{% if a %}x{% else %}{{ a }}{% endif %}", ("a",), ("a",)),
        ("{% if a %}{{ a }}{% endif %}{{ a }}", ("a",), ("a",)),
    ],
)
def test_the_fields_a_template_uses_and_those_somebody_may_lack(
    source: str, fields: tuple[str, ...], required: tuple[str, ...]
) -> None:
    """In order of appearance; a default, or its own condition, makes a field optional."""
    template = parse(source)
    assert (template.fields, template.required) == (fields, required)


MARKS = [
    "{{",
    "}}",
    "{%",
    "%}",
    "${",
    "}",
    "|",
    ":",
    " ",
    "\n",
    "'",
    '"',
    "“",
    "(",
    ".",
    "-",
    "\\",
    "\x00",
    "\ud800",
    "é",
]
WORDS = ["a", "b.c", "x.__class__", "if ", "else", "endif", "default", "date", "truncate", "money", "'x'", '"%b"', "5"]
SOURCES = st.one_of(st.lists(st.sampled_from(MARKS + WORDS), max_size=30).map("".join), st.text(max_size=80))


@settings(max_examples=1000)
@given(SOURCES)
@example("{{ a | default: 'x' | truncate: 5 }}{% if a %}${b}{% endif %}")
def test_parsing_anything_gives_a_template_or_a_placed_error(source: str) -> None:
    """Never another exception, and the place lies within the source."""
    mistake = None
    try:
        template = parse(source)
        assert set(template.required) <= set(template.fields)
    except TemplateError as error:
        mistake = error
    if mistake is not None:
        assert 0 <= mistake.position <= len(source)
        assert min(mistake.line, mistake.column) >= 1
