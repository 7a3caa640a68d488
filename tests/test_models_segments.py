"""Segments: the published cases, every boundary, and agreement with a slow reference that walks one character at a time."""

import sqlite3
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.segments import BASIC, EXTENSION, Encoding, explain, measure, measured, segments, simplify

# The tables of TS 23.038 section 6.2.1, typed again by code point, so that a slip in the module is not copied here.
DEFAULT_ALPHABET = [
    *(0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5, 0xE5),
    *(0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, 0xC6, 0xE6, 0xDF, 0xC9),
    *(0x20, 0x21, 0x22, 0x23, 0xA4, *range(0x25, 0x40)),
    *(0xA1, *range(0x41, 0x5B), 0xC4, 0xD6, 0xD1, 0xDC, 0xA7),
    *(0xBF, *range(0x61, 0x7B), 0xE4, 0xF6, 0xF1, 0xFC, 0xE0),
]
EXTENSION_TABLE = [0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC]


def reference(text: str) -> tuple[str, int, int]:
    """(encoding, units, segments) by the rule as written, one character at a time."""
    codes = [ord(char) for char in text]
    if all(code in DEFAULT_ALPHABET or code in EXTENSION_TABLE for code in codes):
        encoding, single, part = "GSM-7", 160, 153
        sizes = [2 if code in EXTENSION_TABLE else 1 for code in codes]
    else:
        encoding, single, part = "UCS-2", 70, 67
        sizes = [2 if code > 0xFFFF else 1 for code in codes]
    if sum(sizes) <= single:
        return encoding, sum(sizes), 1 if text else 0
    count, free = 1, part
    for size in sizes:
        if size > free:
            count, free = count + 1, part
        free -= size
    return encoding, sum(sizes), count


def test_the_alphabet_has_127_basic_and_10_extension_characters() -> None:
    """Both tables equal the standard's, typed independently."""
    assert sorted(map(ord, BASIC)) == sorted(DEFAULT_ALPHABET)
    assert sorted(map(ord, EXTENSION)) == sorted(EXTENSION_TABLE)
    assert (len(BASIC), len(EXTENSION)) == (127, 10)


PUBLISHED = {
    "66-1a": ("a" * 80 + "\r\n" + "a" * 79, "GSM-7", 2),
    "66-1b": ("a" * 80 + "\n" + "a" * 79, "GSM-7", 1),
    "66-1c": ("a" * 200 + "\r\n" + "a" * 105, "GSM-7", 3),
    "66-2a": ("é" * 70, "GSM-7", 1),
    "66-2b": ("e\u0301" * 70, "UCS-2", 3),
    "66-2c": ("e\u0301", "UCS-2", 1),
    "66-5a": ("a" * 160, "GSM-7", 1),
    "66-5b": ("a" * 161, "GSM-7", 2),
    "66-5c": ("中" * 70, "UCS-2", 1),
    "66-5d": ("中" * 71, "UCS-2", 2),
    "66-5e": ("|", "GSM-7", 1),
    "18": ("this is a " + "]" * 75 + "😘", "UCS-2", 2),
    "39": ("]" * 153, "GSM-7", 3),
    "17": ("e\u0301\u0302\u0303" + "a" * 69, "UCS-2", 2),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_what_the_provider_billed(case: str) -> None:
    """Counts that were billed for live sends, as reported in issues of GitHub TwilioDevEd/message-segment-calculator."""
    text, encoding, count = PUBLISHED[case]
    assert (measure(text).encoding, measure(text).segments) == (encoding, count)


@pytest.mark.parametrize("text", ["“Hi”", "‘Hi’", "„\u200cHi", "😀|"])
def test_short_typographic_texts_are_one_ucs2_segment(text: str) -> None:
    """Cases 66-3 and 66-4 publish no wording; any short one gives the same answer."""
    assert measure(text).encoding == "UCS-2"
    assert measure(text).segments == 1


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 152 + "{" + "a" * 152, "GSM-7", 306, 3),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("a" * 151 + "{" + "a" * 153, "GSM-7", 306, 2),
        ("a" * 153 + "{" + "a" * 151, "GSM-7", 306, 2),
        ("a" * 66 + "😀" + "a" * 66, "UCS-2", 134, 3),
        ("a" * 65 + "😀" + "a" * 67, "UCS-2", 134, 2),
        ("a" * 67 + "😀" + "a" * 65, "UCS-2", 134, 2),
        ("a" * 66 + "e\u0301" + "a" * 66, "UCS-2", 134, 2),  # the disputed rule: we cut between a letter and its accent
        ("a" * 5000, "GSM-7", 5000, 33),
        ("中" * 5000, "UCS-2", 5000, 75),
        ("😀" * 5000, "UCS-2", 10000, 152),
        ("€" * 5000, "GSM-7", 10000, 66),
    ],
)
def test_by_the_rule(text: str, encoding: str, units: int, count: int) -> None:
    """Packing, not dividing: a pair at the boundary moves whole."""
    assert measure(text) == (encoding, units, count)


def _boundaries(char: str, first: int, per: int) -> list[tuple[str, int, int]]:
    """(char, repeats, segments) at n-1, n, n+1 of the single segment and of 2, 3, 4 and 10 concatenated ones."""
    rows = [(char, first - 1, 1), (char, first, 1), (char, first + 1, 2)]
    for count in (2, 3, 4, 10):
        rows += [(char, count * per - 1, count), (char, count * per, count), (char, count * per + 1, count + 1)]
    return rows


@pytest.mark.parametrize(
    ("char", "repeats", "count"),
    [
        *_boundaries("a", 160, 153),
        *_boundaries("é", 160, 153),
        *_boundaries("\n", 160, 153),
        *_boundaries("]", 80, 76),
        *_boundaries("€", 80, 76),
        *_boundaries("\f", 80, 76),
        *_boundaries("中", 70, 67),
        *_boundaries("ç", 70, 67),
        *_boundaries("`", 70, 67),
        *_boundaries("😀", 35, 33),
        *_boundaries("\U00010000", 35, 33),
        *_boundaries("\ud800", 70, 67),
    ],
)
def test_each_kind_of_character_at_each_boundary(char: str, repeats: int, count: int) -> None:
    """One short of full, full, one over: for basic, extension, BMP and astral characters."""
    assert measure(char * repeats).segments == count
    assert reference(char * repeats)[2] == count


@pytest.mark.parametrize("part", range(150, 157))
@pytest.mark.parametrize("pair", ["{", "€", "😀"])
def test_a_pair_at_every_place_around_the_boundaries(part: int, pair: str) -> None:
    """A pair before, on and after the cut of the first and second segment."""
    for lead in (part, part - 86, part + part, part - 86 + 67):
        for tail in (0, 1, 2, 66, 67, 151, 152, 153):
            text = "a" * lead + pair + "a" * tail
            assert measure(text) == reference(text)


@pytest.mark.parametrize(
    ("char", "encoding", "units"),
    [
        ("\f", "GSM-7", 2),
        ("§", "GSM-7", 1),
        ("Ç", "GSM-7", 1),
        ("\r", "GSM-7", 1),
        ("ç", "UCS-2", 1),
        ("`", "UCS-2", 1),
        ("\x1b", "UCS-2", 1),
        ("\t", "UCS-2", 1),
        ("\u00a0", "UCS-2", 1),
        ("’", "UCS-2", 1),
        ("\0", "UCS-2", 1),
        ("á", "UCS-2", 1),
        ("Ω", "GSM-7", 1),
        ("ω", "UCS-2", 1),
        ("\ud83d", "UCS-2", 1),
        ("😀", "UCS-2", 2),
        ("👨\u200d👩\u200d👧", "UCS-2", 8),
    ],
)
def test_characters_that_others_get_wrong(char: str, encoding: str, units: int) -> None:
    """Form feed is in the alphabet; backtick, small c cedilla, escape, tab and the hard space are not."""
    assert measure(char)[:2] == (encoding, units)


def test_every_single_character_agrees_with_the_reference() -> None:
    """The first planes' tables in full, then every seventh character of Unicode, lone surrogates included."""
    wrong = [
        code
        for code in range(0x110000)
        if (code < 0x20AD or code % 7 == 0) and measure(chr(code)) != reference(chr(code))
    ]
    assert wrong == []


AWKWARD = st.sampled_from(list("aA1 é€]{|\f\r\nç`\t\x1b\u00a0’…中\u0301\u200d\ufe0f😀🏴\U0010ffff\ud83d\ude00"))
RUNS = st.lists(st.tuples(AWKWARD, st.integers(1, 160)), max_size=8).map(lambda runs: "".join(c * n for c, n in runs))
GSM_RUNS = st.lists(st.tuples(st.sampled_from(list("aé€]\f\n")), st.integers(1, 160)), max_size=8).map(
    lambda runs: "".join(c * n for c, n in runs)
)


@settings(max_examples=600)
@given(st.one_of(RUNS, GSM_RUNS, st.lists(AWKWARD, max_size=400).map("".join), st.text(max_size=400)))
@example("a" * 66 + "😀" * 40)
@example("]" * 400)
def test_equals_the_reference(text: str) -> None:
    """Any text, with pairs and runs placed to meet boundaries, measures as the slow reference does."""
    assert measure(text) == reference(text)
    assert segments(text) == measure(text).segments


@given(
    st.lists(
        st.one_of(RUNS, GSM_RUNS, st.text(max_size=200), st.sampled_from(["", "plain", "a" * 1_700, "{", "`"])),
        max_size=5,
    )
)
def test_many_are_measured_as_each_is(texts: list[str]) -> None:
    """Whatever stands beside a text."""
    assert measured(texts) == [measure(text) for text in texts]


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=[]), max_size=300))
def test_no_text_crashes_the_counter(text: str) -> None:
    """Surrogates, unassigned and private characters are counted, explained and simplified."""
    size = measure(text)
    assert size.units >= len(text)
    assert (size.segments == 0) == (text == "")
    assert all(text.startswith(culprit.char, culprit.index) for culprit in explain(text))
    assert measure(simplify(text)).segments >= 0


def test_a_lone_surrogate_counts_one_and_never_joins_a_neighbour() -> None:
    """Halves that stray into a text are characters of one unit each, beside real pairs too."""
    assert measure("\ud83d" * 70).segments == 1
    assert measure("a" * 66 + "\ud83d\ude00" + "a" * 66) == ("UCS-2", 134, 2)
    assert measure("a" * 66 + "\ud83d\ude00" + "a" * 64 + "😀") == ("UCS-2", 134, 2)
    assert measure("\ude00" * 134) == ("UCS-2", 134, 2)
    assert measure("\ud83d" * 134) == ("UCS-2", 134, 2)


@pytest.mark.parametrize("char", ["a", "]", "中", "😀"])
def test_a_megabyte_is_measured_in_a_moment(char: str) -> None:
    """The walk jumps a segment at a time, so hostile input stays cheap."""
    started = time.process_time()
    assert measure(char * 1_000_000).segments > 6_000
    assert time.process_time() - started < 2


def test_segments_works_as_a_function_of_sql() -> None:
    """One call per row from inside SQLite gives the same numbers."""
    with sqlite3.connect(":memory:") as db:
        db.create_function("segments", 1, segments, deterministic=True)
        rows = db.execute(
            "select segments(column1) from (values ('a'), (''), (?), (?))", ("]" * 153, "中" * 71)
        ).fetchall()
    assert [row[0] for row in rows] == [1, 0, 3, 2]


def test_the_encoding_is_spelled_as_contracts_spell_it() -> None:
    """Stored and compared as plain text."""
    assert [str(encoding) for encoding in Encoding] == ["GSM-7", "UCS-2"]
    assert f"{measure('a').encoding}" == "GSM-7"


def test_a_gsm_text_has_no_culprits() -> None:
    """Nothing to explain when nothing forces UCS-2, the empty text included."""
    assert explain("") == []
    assert explain("Plain text, £5 off [today] ~ é ñ Ç €\r\n\f") == []


@pytest.mark.parametrize(
    ("char", "name", "replacement"),
    [
        ("’", "RIGHT SINGLE QUOTATION MARK", "'"),
        ("‘", "LEFT SINGLE QUOTATION MARK", "'"),
        ("`", "GRAVE ACCENT", "'"),
        ("´", "ACUTE ACCENT", "'"),
        ("“", "LEFT DOUBLE QUOTATION MARK", '"'),
        ("„", "DOUBLE LOW-9 QUOTATION MARK", '"'),
        ("«", "LEFT-POINTING DOUBLE ANGLE QUOTATION MARK", '"'),
        ("–", "EN DASH", "-"),
        ("—", "EM DASH", "-"),
        ("\u2011", "NON-BREAKING HYPHEN", "-"),
        ("−", "MINUS SIGN", "-"),
        ("•", "BULLET", "-"),
        ("×", "MULTIPLICATION SIGN", "x"),
        ("…", "HORIZONTAL ELLIPSIS", "..."),
        ("\u00a0", "NO-BREAK SPACE", " "),
        ("\u2009", "THIN SPACE", " "),
        ("\u3000", "IDEOGRAPHIC SPACE", " "),
        ("\t", "TAB", " "),
        ("\u200b", "ZERO WIDTH SPACE", ""),
        ("\u00ad", "SOFT HYPHEN", ""),
        ("\ufeff", "ZERO WIDTH NO-BREAK SPACE", ""),
        ("\u2028", "LINE SEPARATOR", "\n"),
        ("™", "TRADE MARK SIGN", "TM"),
        ("½", "VULGAR FRACTION ONE HALF", "1/2"),
        ("Ａ", "FULLWIDTH LATIN CAPITAL LETTER A", "A"),
        ("𝐀", "MATHEMATICAL BOLD CAPITAL A", "A"),
        ("ﬁ", "LATIN SMALL LIGATURE FI", "fi"),
        ("\u212b", "ANGSTROM SIGN", "Å"),
        ("\u2126", "OHM SIGN", "Ω"),
        ("ç", "LATIN SMALL LETTER C WITH CEDILLA", None),
        ("á", "LATIN SMALL LETTER A WITH ACUTE", None),
        ("²", "SUPERSCRIPT TWO", None),
        ("中", "CJK UNIFIED IDEOGRAPH-4E2D", None),
        ("😀", "GRINNING FACE", None),
        ("\u200d", "ZERO WIDTH JOINER", None),
        ("\x1b", "ESCAPE", None),
        ("\x07", "U+0007", None),
        ("\ud83d", "U+D83D", None),
        ("\ue000", "U+E000", None),
    ],
)
def test_each_culprit_has_a_name_a_place_and_a_replacement(char: str, name: str, replacement: str | None) -> None:
    """Typography has a plain equivalent; accents, ideographs and emoji do not."""
    [culprit] = explain(f"ab{char}c")
    assert (culprit.index, culprit.char, culprit.name, culprit.replacement) == (2, char, name, replacement)


def test_every_replacement_is_wholly_gsm() -> None:
    """No suggestion may leave the text in UCS-2."""
    for code in range(0x3000):
        for culprit in explain(chr(code)):
            assert culprit.replacement is None or measure(culprit.replacement).encoding == "GSM-7"


def test_a_decomposed_accent_is_composed() -> None:
    """A letter with its combining mark is one culprit, and its composed form is offered when that is GSM-7."""
    [culprit] = explain("Cafe\u0301 now")
    assert (culprit.index, culprit.char, culprit.replacement) == (3, "e\u0301", "é")
    assert culprit.name == "LATIN SMALL LETTER E WITH ACUTE (written as 2 characters)"
    assert simplify("Cafe\u0301 now") == "Café now"


@pytest.mark.parametrize("text", ["a\u0301", "o\u0308\u0304", "\u0301", "\u0301\u0302", "e" + "\u0301" * 50])
def test_marks_that_compose_into_nothing_sendable_are_named_one_by_one(text: str) -> None:
    """The mark is the culprit, at its own place, without a replacement."""
    culprits = explain(text)
    assert [text[c.index] for c in culprits] == [c.char for c in culprits]
    assert all(unicodedata.combining(c.char) and c.replacement is None for c in culprits)


def test_one_smart_quote_that_costs_a_segment() -> None:
    """One curly apostrophe in 140 characters: three segments, one if it is replaced."""
    text = "It’s " + "a" * 135
    assert measure(text).segments == 3
    assert [(c.index, c.segments_if_replaced) for c in explain(text)] == [(2, 1)]


def test_the_saving_counts_every_replaceable_character_together() -> None:
    """Replacing only the opening quote saves nothing, which is not what the writer asks."""
    text = "“Hi” — it’s " + "a" * 100
    assert measure(text).segments == 2
    assert [(c.char, c.segments_if_replaced) for c in explain(text)] == [("“", 1), ("”", 1), ("—", 1), ("’", 1)]


def test_replacing_beside_an_emoji_saves_nothing_but_dropping_the_emoji_does() -> None:
    """The quote's figure keeps the emoji; the emoji's figure assumes that it goes and that the quote is replaced."""
    text = "It’s 😀 " + "a" * 100 + " 😀"
    assert measure(text).segments == 2
    assert [(c.char, c.segments_if_replaced) for c in explain(text)] == [("’", 2), ("😀", 1), ("😀", 1)]


def test_two_different_emoji_must_both_go() -> None:
    """Dropping one of two leaves the text in UCS-2, and the figure says so."""
    text = "😀🎉" + "a" * 100
    assert [c.segments_if_replaced for c in explain(text)] == [2, 2]


def test_simplify_is_all_or_nothing() -> None:
    """Everything is replaced when that makes the text GSM-7, nothing when an emoji would keep it UCS-2 anyway."""
    assert simplify("“Hi” — it’s…\u00a0ok\u200b") == '"Hi" - it\'s... ok'
    assert simplify("“Hi” 😀…") == "“Hi” 😀…"
    assert simplify("plain") == "plain"
    assert simplify("") == ""


@given(st.one_of(st.text(max_size=200), st.lists(AWKWARD, max_size=200).map("".join)))
def test_explain_and_simplify_hold_their_promises(text: str) -> None:
    """Culprits exist exactly for UCS-2; a simplified text is GSM-7 or untouched; applying replacements gives it."""
    culprits = explain(text)
    assert bool(culprits) == (measure(text).encoding == "UCS-2")
    assert [c.index for c in culprits] == sorted(c.index for c in culprits)
    simple = simplify(text)
    assert simple == text or measure(simple).encoding == "GSM-7"
    if all(c.replacement is not None for c in culprits):
        applied, done = "", 0
        for c in culprits:
            applied += text[done : c.index] + (c.replacement or "")
            done = c.index + len(c.char)
        assert simple == applied + text[done:]
        assert all(c.segments_if_replaced == segments(simple) for c in culprits)


def test_explaining_the_longest_body_is_quick() -> None:
    """1,600 different ideographs, the worst body that can be sent, while someone types."""
    text = "".join(chr(0x4E00 + at) for at in range(1_600))
    started = time.process_time()
    assert len(explain(text)) == 1_600
    assert len(explain("e" + "\u0301\u0323" * 20_000)) == 40_000
    assert time.process_time() - started < 3
