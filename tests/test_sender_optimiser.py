"""Tests of sender/optimiser.py: what a plan promises holds for every recipient it counts, and no tag is ever touched."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.segments import Encoding, measure
from sender.edits import Edit
from sender.optimiser import Plan, advise, plans
from sender.syntax import read
from sender.templates import TemplateError, parse, render

TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\$\{.*?\}", re.DOTALL)


def befores(plan: Plan) -> list[str]:
    """What a plan changes, from left to right."""
    return [one.before for one in plan.edits]


def test_leaving_ucs_2_takes_every_odd_character() -> None:
    """Quotes and an ellipsis force UCS-2: the plan replaces all of them and nothing else."""
    text = "“Don’t  wait…” " + "a" * 100
    found = plans(text)
    assert [(befores(one), one.saved, one.freed) for one in found] == [(["“", "’", "…", "”"], 1, 1)]
    assert found[0].text == '"Don\'t  wait..." ' + "a" * 100
    assert found[0].effects == ((measure(text), measure(found[0].text)),)


def test_fewer_changes_may_stay_in_ucs_2() -> None:
    """One unit over the boundary: a double space is enough, and leaving UCS-2 saves no more."""
    text = "it’s  “so” " + "a" * 60
    assert measure(text).units == 71
    assert [(befores(one), one.saved, one.freed) for one in plans(text)] == [(["  "], 1, 0), (["’", "“", "”"], 1, 1)]


def test_a_change_of_wording_is_offered_apart() -> None:
    """Where the look alone does not do, words may; a plan that needs no words comes first."""
    text = "Do not wait and call us " + "a" * 138
    assert measure(text).units == 162
    assert [(befores(one), one.wording, one.saved) for one in plans(text)] == [(["and"], True, 1)]
    text = text.replace("wait ", "wait   ")
    assert [(befores(one), one.wording) for one in plans(text)] == [(["   ", "and"], True)]
    fits = "Do not wait and call us " + "a" * 136
    assert [befores(one) for one in plans(fits.replace("wait ", "wait   "))] == [["   "]]
    untidy = fits.replace("wait ", "wait  ").replace("us ", "us  ")
    assert [(befores(one), one.wording) for one in plans(untidy)] == [(["  ", "  "], False), (["and"], True)]


def test_a_text_that_fits_needs_nothing() -> None:
    """No plan for a text that would not get cheaper, however untidy it is."""
    assert plans("Hello  there , do not wait") == []
    assert plans("") == []
    assert advise("Hello  there", [{}]).plans == ()


def test_what_cannot_be_replaced_is_named() -> None:
    """Emoji and other scripts: where, how often, and what they cost; a value's characters have no place in the source."""
    people = [{"name": name} for name in ("Anna", "Łukasz")]
    advice = advise("{{ name }}, it’s 😀 time 😀 " + "a" * 90, people[1:])
    assert [(one.char, one.name, one.index, one.times) for one in advice.obstacles] == [
        ("Ł", "LATIN CAPITAL LETTER L WITH STROKE", None, 1),
        ("😀", "GRINNING FACE", 17, 2),
    ]
    [one] = advise("it’s 😀 " + "a" * 90, [{}]).obstacles
    assert (one.before, one.after) == (2, 1)
    assert advise("It’s café", [{}]).obstacles == ()
    [linked] = advise("Pay at example.com/a–b today – " + "a" * 90, [{}]).obstacles
    assert (linked.char, linked.index) == ("–", 20)


def test_a_few_characters_over_are_counted() -> None:
    """From one to eight over a boundary; not nine, not a single segment, not when it is just full."""
    for over in range(10):
        excess = advise("a" * (160 + over), [{}]).excess
        assert (excess.characters if excess else None) == (over if 1 <= over <= 8 else None)
    found = advise(
        "{{ name }} " + "a" * 155, [{"name": name} for name in ("Ann", "Anna", "Annabel", "Annabel B.")]
    ).excess
    assert found is not None
    assert found.characters == 3
    assert [one.saved for one in found.effects if one] == [0, 0, 1, 0]


def test_a_plan_says_for_whom_it_holds() -> None:
    """Long names stay over the boundary, a Polish one stays in UCS-2, and who gets no text counts for nothing."""
    names = ["Anna", "Ben", "Cy", "Maximiliana Alexandra", "Łukasz", ""]
    source = "Hi {{ name }}, it’s time… to renew " + "a" * 120
    advice = advise(source, [{"name": name} for name in names])
    [plan] = advice.plans
    saved = [one.saved if one else None for one in plan.effects]
    assert saved == [2, 2, 2, 1, 0, None]
    assert (plan.holds, plan.saved, plan.freed) == (4, 7, 4)
    assert advice.bodies[-1] is None


def test_both_branches_are_tidied_for_those_who_read_them() -> None:
    """What leaves UCS-2 for everybody is among the plans, whichever branch the typical recipient reads."""
    source = "{% if link %}It’s here: {{ link }}{% else %}Call us – soon{% endif %} " + "a" * 90
    people = [{"link": "https://example.com/x"}] * 3 + [{"link": ""}] * 2
    found = [(befores(one), one.saved) for one in advise(source, people).plans]
    assert found == [(["’"], 3), (["’", "–"], 5)]


def test_a_source_that_is_none_yet_raises() -> None:
    """The same mistake that the editor shows."""
    with pytest.raises(TemplateError):
        advise("Hi {{ name", [{}])
    assert advise("{{ name }}", [{}]).plans == (), "nobody gets a text"
    assert advise("x" * 3, []).plans == ()


def test_taking_away_never_makes_a_tag() -> None:
    """An invisible character between two brackets keeps them from being a tag; a plan that would make one is no plan."""
    source = "{\u200b{ name }} ".replace("}}", "}\u200b}") + "a" * 120
    assert parse(source).fields == ()
    for plan in advise(source, [{"name": "Anna"}]).plans:
        assert parse(plan.text).fields == ()


LITERALS = st.lists(
    st.sampled_from([*"ab  ,.[]\n’“…–\u00a0\u200bé😀", "e\u0301", "\r\n", "\t", " and ", "do not "]), max_size=40
).map("".join)
TAGS = st.sampled_from(
    [
        "{{ a }}",
        '{{ a | default: "it’s  …" }}',
        "${b}",
        "{{ b | upper }}",
        "{% if a %}yes – {{ a }}{% else %}no…  {% endif %}",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(LITERALS, TAGS), max_size=8), st.integers(0, 150))
def test_a_plan_is_what_it_says(pieces: list[str], more: int) -> None:
    """Its changes applied are its text; no tag is touched; what it promises each recipient is what rendering gives."""
    source = "".join(pieces) + "a" * more
    people: Sequence[Mapping[str, object]] = [{"a": "Anna", "b": "x"}, {"a": "", "b": "Łukasz"}, {"a": "Bo", "b": ""}]
    advice = advise(source, people)
    for plan in advice.plans:
        assert by_hand(source, plan.edits) == plan.text
        assert TAG.findall(plan.text) == TAG.findall(source)
        literals = read(source, None).literals
        assert all(any(a <= one.start and one.end <= b for a, b in literals) for one in plan.edits)
        for fields, body, effect in zip(people, advice.bodies, plan.effects, strict=True):
            if body is not None and effect is not None:
                assert (measure(body), measure(render(parse(plan.text), fields))) == effect
        assert plan.saved > 0 or plan.freed > 0
    kept = [(one.wording, len(one.edits), -one.saved, -one.freed) for one in advice.plans]
    assert len(set(kept)) == len(kept)


def by_hand(source: str, edits: Sequence[Edit]) -> str:
    """The source with changes applied from the right, each where its own words are."""
    for one in reversed(edits):
        assert source[one.start : one.end] == one.before
        source = source[: one.start] + one.after + source[one.end :]
    return source


def test_advice_for_two_hundred_people_is_quick() -> None:
    """A text of ordinary length, rendered for 200 people before and after every plan, within a tenth of a second."""
    source = (
        'Hi {{ first_name | default: "there" }},  it’s time… to renew “your” membership [now] – do not wait and call us. '
        * 2
    )
    people = [{"first_name": f"Name{number}" * (number % 3)} for number in range(200)]
    took = []
    for _ in range(5):
        begun = time.process_time()
        advice = advise(source, people)
        took.append(time.process_time() - begun)
    assert advice.plans[0].freed == 200
    assert all(one.after.encoding is Encoding.GSM_7 for one in advice.plans[0].effects if one)
    assert min(took) < 0.1, took
