"""Templates: what marketers type, what a recipient lacks, and that a value can never become template or code."""

import datetime as dt
import pickle
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sender.templates import (
    BODY_LIMIT,
    VALUE_LIMIT,
    MissingField,
    RenderCode,
    RenderProblem,
    missing,
    parse,
    render,
)

ANNA: dict[str, object] = {
    "first_name": "Anna",
    "contact.first_name": "Anna M.",
    "amount": Decimal("1234.5"),
    "due": dt.date(2026, 11, 3),
    "count": 1234567,
    "blank": "  ",
    "none": None,
    "no": False,
    "prénom": "Zoé",
}


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("Hello.", "Hello."),
        ("Hi {{ first_name }}!", "Hi Anna!"),
        ("Hi {{first_name}}!", "Hi Anna!"),
        ("Hi {{\n first_name\t}}!", "Hi Anna!"),
        ("Hi ${first_name}!", "Hi Anna!"),
        ("Hi {{ ${first_name} }}!", "Hi Anna!"),
        ("Hi {{${first_name} | default: 'there'}}!", "Hi Anna!"),
        ("Hi ${ first_name | upper }!", "Hi ANNA!"),
        ("Hi {{ contact.first_name }}, ${contact.first_name}", "Hi Anna M., Anna M."),
        ("Bonjour {{ prénom }}", "Bonjour Zoé"),
        ('Hi {{ nobody | default: "there" }}!', "Hi there!"),
        ("Hi {{ nobody | default: 'there' }}!", "Hi there!"),
        ("Hi {{ blank | default: 'there' }}!", "Hi there!"),
        ("Hi {{ none | default: 'there' }}!", "Hi there!"),
        ("Hi {{ nobody | default: 'there' | upper }}!", "Hi THERE!"),
        ("Hi {{ first_name | default: 'there' | upper }}!", "Hi ANNA!"),
        ("x{{ nobody | default: '' }}y", "xy"),
        ("x{{ nobody | default: 5 }}y", "x5y"),
        ("{{ nobody | money | default: 'nothing' }}", "nothing"),
        ("{{ nobody | default: '0' | money }}", "$0.00"),
        ("{{ amount | money }}", "$1,234.50"),
        ("{{ count | number }} and {{ amount | number }}", "1,234,567 and 1,234.5"),
        ('{{ due | date: "%b %-d" }}', "Nov 3"),
        ("{{ first_name | truncate: 3 | upper }}", "ANN"),
        ("{% if first_name %}A{% else %}B{% endif %}", "A"),
        ("{% if blank %}A{% else %}B{% endif %}", "B"),
        ("{% if nobody %}A{% else %}B{% endif %}", "B"),
        ("{% if no %}A{% else %}B{% endif %}", "B"),
        ("x{% if nobody %}A{% endif %}y", "xy"),
        ("{%if first_name%}{{ first_name }}, {%endif%}hello", "Anna, hello"),
        ("{% if nobody %}{{ nobody }}{% else %}{{ first_name }}{% endif %}", "Anna"),
        ("{% if a %}1{% endif %}{% if first_name %}2{% endif %}", "2"),
        ("Pay $5 {or} [more] %d #{x} {# y #} a | b", "Pay $5 {or} [more] %d #{x} {# y #} a | b"),
        ("{{ amount }} on {{ due }}, {{ count }}", "1234.5 on 2026-11-03, 1234567"),
        ("{{ no }}", "no"),
    ],
)
def test_what_marketers_type(source: str, body: str) -> None:
    """Variables in three spellings, defaults, filters in order, one-level conditions, and everything else as text."""
    assert render(parse(source), ANNA) == body


def test_all_missing_names_are_told_at_once() -> None:
    """A blank counts as missing, each name comes once, and a missing field is told before one that does not fit."""
    template = parse("{{ a }} {{ blank }} {{ first_name }} {{ a | upper }} {{ z | default: 'z' }}")
    assert missing(template, ANNA) == ["a", "blank"]
    with pytest.raises(MissingField) as lack:
        render(template, ANNA)
    assert lack.value.names == ("a", "blank")
    assert (lack.value.code, lack.value.sentence) == (RenderCode.MISSING_FIELD, "Missing: a, blank.")
    with pytest.raises(MissingField):
        render(parse("{{ first_name | money }} {{ a }}"), ANNA)


@pytest.mark.parametrize("value", [None, "", " ", "\n\t", "\u00a0", "\x00", "\u202e", float("nan")])
def test_what_counts_as_missing(value: object) -> None:
    """Nothing, only blanks, only invisible characters, and a spreadsheet's NaN."""
    template = parse("Hi {{ name }}")
    assert missing(template, {"name": value}) == ["name"]
    assert missing(template, {}) == ["name"]
    with pytest.raises(MissingField):
        render(template, {"name": value})


def test_only_the_branch_taken_can_lack_a_field() -> None:
    """The other branch's fields are not asked for."""
    template = parse("{% if a %}{{ b }}{% else %}{{ c }}{% endif %}")
    assert missing(template, {"a": "1"}) == ["b"]
    assert missing(template, {"a": ""}) == ["c"]
    assert missing(template, {"a": "1", "b": "2"}) == []
    assert render(template, {"c": "3"}) == "3"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("{{ secret }}", "{{ secret }}"),
        ("${secret}", "${secret}"),
        ("{% if secret %}x{% endif %}", "{% if secret %}x{% endif %}"),
        ("{secret.__class__} %s %(x)s $secret", "{secret.__class__} %s %(x)s $secret"),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\x0bb\x85c\u2028d\u2029e", "a\nb\nc\nd\ne"),
        ("a\tb", "a b"),
        ("a\x00b\x1bc\x07d\x7fe\x0cf\x9fg", "abcdefg"),
        ("a\u202eb\u2066c\u200fd\ufeffe", "abcde"),
        ("a\ud800b", "ab"),
        ("  Anna  ", "Anna"),
        ("e\u0301", "é"),
        ("👨\u200d👩", "👨\u200d👩"),
        (12, "12"),
        (12.0, "12"),
        (12.5, "12.5"),
        (1e-7, "0.0000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1.10"), "1.10"),
        (True, "yes"),
        (dt.datetime(2026, 11, 3, 9, 5, tzinfo=dt.UTC), "2026-11-03 09:05+00:00"),
    ],
)
def test_values_are_cleaned_and_never_read_as_template(value: object, shown: str) -> None:
    """What a contact's field holds is only ever text in the middle of a text."""
    assert render(parse("<{{ v }}>"), {"v": value, "secret": "SECRET"}) == f"<{shown}>"


def test_the_templates_own_text_is_cleaned_too() -> None:
    """A Windows line end would cost a unit more, and accents are composed across the joint."""
    assert render(parse("a\r\nb\tc\x00d{{ e }}\u0301"), {"e": "e"}) == "a\nb cdé"
    assert render(parse("{{ a | default: 'x\r\ny\x00' }}"), {}) == "x\ny"


@pytest.mark.parametrize(
    "name", ["x.__class__", "x.__class__.__mro__", "__import__", "self", "fields.keys", "x.__init__.__globals__.SECRET"]
)
def test_attributes_are_only_names(name: str) -> None:
    """`{{ x.__class__ }}` is a field nobody has, whatever x is."""
    template = parse(f"{{{{ {name} }}}}")
    assert template.fields == (name,)
    with pytest.raises(MissingField):
        render(template, {"x": "text", "fields": "text"})
    assert render(template, {name: "plain"}) == "plain"


@pytest.mark.parametrize(("length", "fits"), [(VALUE_LIMIT - 1, True), (VALUE_LIMIT, True), (VALUE_LIMIT + 1, False)])
def test_one_value_has_a_limit(length: int, fits: bool) -> None:
    """After its filters, so that truncate can tame a long note."""
    fields = {"v": "x" * length}
    if fits:
        assert render(parse("{{ v }}"), fields) == "x" * length
    else:
        with pytest.raises(RenderProblem) as problem:
            render(parse("{{ v }}"), fields)
        assert (problem.value.code, problem.value.names) == (RenderCode.VALUE_TOO_LONG, ("v",))
    assert render(parse("{{ v | truncate: 10 }}"), fields) == "xxxxxxx..."


@pytest.mark.parametrize(("length", "fits"), [(BODY_LIMIT - 1, True), (BODY_LIMIT, True), (BODY_LIMIT + 1, False)])
def test_a_body_has_a_limit(length: int, fits: bool) -> None:
    """1,600 characters in all, counted after composing accents."""
    template = parse("{{ v }}" + "x" * (length - 1))
    for letter in ("a", "e\u0301"):
        if fits:
            assert len(render(template, {"v": letter})) == length
        else:
            with pytest.raises(RenderProblem) as problem:
                render(template, {"v": letter})
            assert problem.value.code == RenderCode.BODY_TOO_LONG


@pytest.mark.parametrize("source", ["", " \n", "{% if a %}x{% endif %}", "{{ a | default: '' }}", "\u00a0"])
def test_an_empty_body_is_never_sent(source: str) -> None:
    """Twilio refuses it; so do we, before it costs a request."""
    with pytest.raises(RenderProblem) as problem:
        render(parse(source), {})
    assert problem.value.code == RenderCode.EMPTY_BODY


def test_a_template_is_a_value() -> None:
    """Equal sources parse equal, and a template travels to another process."""
    source = "Hi {{ a | default: 'x' | upper }}{% if b %}{{ b | money }}{% endif %}"
    template = parse(source)
    assert template == parse(source)
    assert pickle.loads(pickle.dumps(template)) == template
    assert hash(template) == hash(parse(source))


NAMES = st.sampled_from(["a", "b", "b.c", "x", "first_name"])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.dates(),
    st.datetimes(),
    st.text(alphabet=st.characters(codec=None, exclude_categories=[]), max_size=60),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["{{ a }}", "2026-11-30", "$1,000", "x" * 600]),
)


GOOD = st.lists(
    st.one_of(
        st.sampled_from(
            ["{{ a }}", "${b.c}", "{{ x | upper }}", "{{ a | money }}", "{{ b | date: '%b %-d' }}", "{{ a | number }}"]
        ),
        st.sampled_from(
            ["{{ first_name | title | default: 'there' }}", "{{ x | truncate: 9 }}", "Hi ", "é\u0301\r\n", "😀"]
        ),
        st.sampled_from(["{% if a %}{{ a }}{% else %}{{ b }}{% endif %}", "{% if x %}y{% endif %}"]),
    ),
    max_size=8,
).map("".join)


@settings(max_examples=800)
@given(GOOD, st.dictionaries(NAMES, VALUES))
def test_rendering_gives_a_sendable_text_or_one_problem(source: str, fields: dict[str, object]) -> None:
    """Whatever the fields hold; `missing` and `render` agree on who lacks what."""
    template = parse(source)
    problem, body = None, ""
    try:
        body = render(template, fields)
    except RenderProblem as error:
        problem = error
    assert missing(template, fields) == (list(problem.names) if isinstance(problem, MissingField) else [])
    if problem is not None:
        assert problem.code in RenderCode
        assert problem.sentence.endswith(".")
        return
    assert 0 < len(body) <= BODY_LIMIT
    assert "\r" not in body
    assert unicodedata.is_normalized("NFC", body)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") and char != "\n" for char in body)
    assert body.encode()


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]),
        min_size=1,
        max_size=100,
    )
)
def test_a_value_arrives_whole(value: str) -> None:
    """Apart from trimming and composing, a visible value is neither changed nor interpreted."""
    if value.strip():
        assert render(parse("<{{ v }}>"), {"v": value}) == unicodedata.normalize("NFC", f"<{value.strip()}>")
