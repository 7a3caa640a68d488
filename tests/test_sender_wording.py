"""Tests of sender/wording.py: a template says the same to many as it says to each."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sender import wording
from sender.templates import RenderProblem, parse, render
from sender.wording import Wording

SOURCES = (
    'Hi {{ a | default: "there" }}, {{ b | money }} is due.',
    "{{ a }} {{ b }} {{ c }}",
    "{% if a %}Pay {{ b | money }}{% else %}Call {{ c | upper }}{% endif %}.",
    '{{ a | truncate: 3 }}{{ b | date: "%b %-d" }}{{ a | default: "x" | upper }}',
    "{{ a }}",
    "Plain text, é and 😀",
)
VALUE = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "Ann", "ann lee", "12.50", "1,200", "x" * 500, "x" * 501, "2026-11-20", "e\u0301", "a\u0000b", "0", "false"]
    ),
    st.text(max_size=8),
    st.integers(-5, 5),
    st.booleans(),
)  # fmt: skip


def said(render_one: object, fields: Mapping[str, object]) -> object:
    """The body, or what is wrong."""
    try:
        return render_one(fields)  # type: ignore[operator]
    except RenderProblem as problem:
        return problem.code, problem.names, problem.sentence


@pytest.mark.parametrize("source", SOURCES)
@given(rows=st.lists(st.fixed_dictionaries({}, optional={"a": VALUE, "b": VALUE, "c": VALUE}), min_size=1, max_size=12))
def test_many_get_what_each_would_get(source: str, rows: list[dict[str, object]]) -> None:
    """The same bodies and the same problems as `render`, whatever came before, and again for the same rows."""
    template = parse(source)
    many = Wording(template)
    for fields in rows + rows:
        assert said(many, fields) == said(lambda one: render(template, one), fields)
    values = [("row", *[fields.get(name) for name in template.fields]) for fields in rows]
    for fields, body in zip(rows, many.many(values, 1), strict=True):
        assert body is None or body == said(lambda one: render(template, one), fields)


def test_most_are_worded_at_once() -> None:
    """Only what is odd about a row takes a closer look: here a missing value, one that does not fit, and one too long."""
    rows = [("Ann", "1.5"), ("", "2"), ("Bob", "many"), ("x" * 501, "3"), ("Zo\u0065\u0308", "4")]
    bodies = Wording(parse('{{ a | default: "you" }} owe {{ b | money }}')).many(rows, 0)
    assert bodies == ["Ann owe $1.50", None, None, None, "Zo\u00eb owe $4.00"]
    assert Wording(parse("Plain")).many([(), ()], 0) == ["Plain", "Plain"]
    assert Wording(parse('{{ a | date: "" }}')).many([("2026-11-20",)], 0) == [None]
    assert Wording(parse("{% if a %}Yes{% endif %}")).many([("x",)], 0) == [None]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of a million different values does not stay in memory."""
    monkeypatch.setattr(wording, "KEPT", 3)
    many = Wording(parse("Hi {{ a }}"))
    assert [many({"a": f"n{n}"}) for n in range(10)] == [f"Hi n{n}" for n in range(10)]
    assert all(len(kept) <= 3 for kept in many._texts.values())
