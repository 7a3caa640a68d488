"""Tests of sender/edits.py: what the list finds in a text, where it keeps away, and that the list agrees with the counter."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest

from models.segments import Encoding, explain, measure
from sender.edits import Edit, EditKind, applied, found, patterns, rows
from sender.syntax import read

FIRST = date(2026, 11, 22)


def everything(text: str) -> list[tuple[str, str]]:
    """What is found in a text that is all literal, before and after."""
    return [(one.before, one.after) for one in found(text, [(0, len(text))])]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("it’s “so”", [("’", "'"), ("“", '"'), ("”", '"')]),
        ("wait…", [("…", "...")]),
        ("a – b — c", [("–", "-"), ("—", "-")]),
        ("a\u00a0b\u200bc", [("\u00a0", " "), ("\u200b", "")]),
        ("cafe\u0301", [("e\u0301", "é")]),
        ("o\u0304", []),  # ō is not in the alphabet: composing it gains nothing
        ("ﬁne ＡＢ", [("ﬁ", "fi"), ("Ａ", "A"), ("Ｂ", "B")]),
        ("😀 中 ç", []),
        ("a\r\nb", [("\r\n", "\n")]),
        ("a  b   c", [("  ", " "), ("   ", " ")]),
        ("a \u00a0b", [(" \u00a0", " "), ("\u00a0", " ")]),
        ("a \nb  ", [(" ", ""), ("  ", "")]),
        ("a , b .", [(" ", ""), (" ", "")]),
        ("a ,5 :)", []),
        ("a\n\n\n\nb", [("\n\n\n\n", "\n\n")]),
        ("[new] {x}", [("[new]", "(new)"), ("{x}", "(x)")]),
        ("[a {b] c}", []),
        ("do not", [("do not", "don't")]),
        ("Do not DO NOT", [("Do not", "Don't")]),
        ("undo nothing, do notes", []),
        ("we will not", [("we will", "we'll"), ("will not", "won't")]),
        ("you and me", [("and", "&")]),
        ("brand-and-x and/or @and", []),
        ("Please note that your dues", [("Please note that y", "Y")]),
        ("so please note that it", [("please note that i", "i")]),
        ("please note that", []),
    ],
)
def test_what_is_found(text: str, changes: list[tuple[str, str]]) -> None:
    """Each kind of change, and what looks like one and is none."""
    assert everything(text) == changes


@pytest.mark.parametrize(
    "link",
    ["https://example.com/a–b…", "www.example.com/~[x]", "example.com/it’s", "http://x.org/a and b"],
)
def test_a_link_is_left_alone(link: str) -> None:
    """Another character in it would lead elsewhere; what stands beside it is found."""
    inside = link.split(" ")[0].rstrip("…’s") if "’" in link else link.split(" ")[0].rstrip("…")
    for one in found(f"“Go” {link}", [(0, len(link) + 5)]):
        at = len("“Go” ")
        assert not (one.start < at + len(inside) and at < one.end), one
    assert ("“", '"') in everything(f"“Go” {link}")


def test_only_literals_are_searched() -> None:
    """Nothing within a tag is found, nor what reaches across one."""
    source = 'Hi {{ name | default: "you’re…" }} [{{ x }}]  it’s {% if a %}“yes”{% else %}no{% endif %} do{{ b }} not'
    spans = read(source, None).literals
    assert [source[start:end] for start, end in spans] == [
        "Hi ", " [", "]  it’s ", "“yes”", "no", " do", " not",
    ]  # fmt: skip
    assert [one.before for one in found(source, spans)] == ["  ", "’", "“", "”"]


def test_applying_is_replacing_from_left_to_right() -> None:
    """Whatever their order, the changes go to their places."""
    edits = found("it’s… “x”", [(0, 9)])
    assert applied("it’s… “x”", edits[::-1]) == 'it\'s... "x"'
    assert applied("it’s…", []) == "it’s…"


@pytest.mark.parametrize(
    ("before", "after", "size"),
    [("do not", "don't", 3), ("  ", " ", 1), ("…", "...", 3), ("[x]", "(x)", 3), ("a", "", 1)],
)
def test_the_size_is_what_really_changes(before: str, after: str, size: int) -> None:
    """Characters that both sides begin or end with are not counted."""
    assert Edit(0, len(before), before, after, EditKind.RULE, 1, "").size == size


def test_the_list_agrees_with_the_counter() -> None:
    """Whatever the counter would write instead of a character, the list writes, too; so no text says two things."""
    every = [chr(code) for code in range(0x20, 0x10000) if not 0xD800 <= code < 0xE000]
    wrong = []
    for char in [*every, "\t", "\v", "\x85"]:
        [culprit] = explain(char) or [None]
        ours = [one.after for one in found(char + "x", [(0, 1)]) if one.kind is not EditKind.PAIR]
        if culprit is not None and ours != ([] if culprit.replacement is None else [culprit.replacement]):
            wrong.append((unicodedata.name(char, repr(char)), ours, culprit.replacement))
    assert not wrong, wrong[:10]


def test_the_list_is_whole() -> None:
    """Every row has a source and a note, puts GSM-7 there, and is in force from its day."""
    for row in rows():
        assert row.source, row
        assert row.note, row
        assert measure(row.put).encoding is Encoding.GSM_7, row
        assert not row.in_force(date(2026, 11, 21))
        assert row.in_force(FIRST)
        assert row.in_force(None) is (row.valid_to is None)
    assert patterns(date(2026, 11, 21)).characters == {}
    assert found("it’s  do not [x]", [(0, 16)], on=date(2026, 11, 21)) == []
    keys = [(row.kind, row.find) for row in rows() if row.valid_to is None]
    assert len(keys) == len(set(keys))


def test_a_change_of_wording_says_so() -> None:
    """Only those of its kind; the others change the look."""
    kinds = {one.before: one.wording for one in found("do not  wait…", [(0, 13)])}
    assert kinds == {"do not": True, "  ": False, "…": False}
