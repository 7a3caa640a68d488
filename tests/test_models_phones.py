"""Phones: what people write, what it means, and one reason when it means nothing."""

import re
import time

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.phones import (
    LONGEST_TEXT,
    SENTENCES,
    LineType,
    Phone,
    PhoneProblem,
    ProblemCode,
    WarningCode,
    normalise,
)

LONDON = "+442072343456"
NEW_YORK = "+12125551234"


def e164(raw: str | float | None, region: str = "US") -> str:
    """The number, or the problem's code."""
    answer = normalise(raw, region)
    return answer.e164 if isinstance(answer, Phone) else answer.code


def test_the_imis_example_stays_british_and_is_warned_about() -> None:
    """Default US, "+44 20 7234 3456": the default prefix is not added, and a landline rarely gets texts."""
    phone = normalise("+44 20 7234 3456", "US")
    assert isinstance(phone, Phone)
    assert (phone.e164, phone.region, phone.line_type, phone.time_zones) == (
        LONDON,
        "GB",
        "fixed_line",
        ("Europe/London",),
    )
    assert [warning.code for warning in phone.warnings] == [WarningCode.FIXED_LINE]
    assert phone.warnings[0].sentence == SENTENCES[WarningCode.FIXED_LINE]


def test_the_same_number_in_its_national_form_is_a_problem_abroad() -> None:
    """ "020 7234 3456" under the default US is refused, never +1 020….; under GB it is London."""
    assert normalise("020 7234 3456", "US") == PhoneProblem(ProblemCode.TOO_LONG, SENTENCES[ProblemCode.TOO_LONG])
    assert e164("020 7234 3456", "GB") == LONDON


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("011 44 20 7234 3456", "US", LONDON),
        ("011442072343456", "CA", LONDON),
        ("00 44 20 7234 3456", "DE", LONDON),
        ("001 212 555 1234", "GB", NEW_YORK),
        ("0011 44 20 7234 3456", "AU", LONDON),
        ("010 44 20 7234 3456", "JP", LONDON),
        ("810 44 20 7234 3456", "KZ", LONDON),
        ("00 44 20 7234 3456", "US", "foreign_prefix"),
        ("00442072343456", "US", "foreign_prefix"),
        ("011 44 20 7234 3456", "GB", "foreign_prefix"),
        ("011 44 20 7234 345", "US", "not_assigned"),
        ("0114 272 6444", "GB", "+441142726444"),
        ("442072343456", "US", "too_long"),
        ("1 212 555 1234", "US", NEW_YORK),
        ("1 212 555 1234", "GB", "not_assigned"),
    ],
)
def test_the_international_prefix_is_the_one_the_default_region_dials(raw: str, region: str, expected: str) -> None:
    """011 in North America, 00 in Europe, 0011 in Australia; another country's prefix is named as the mistake."""
    got = e164(raw, region)
    assert got == expected or (expected == "not_assigned" and got in ("not_assigned", "too_short", "too_long"))


@pytest.mark.parametrize(
    "raw",
    [
        "2125551234",
        "12125551234",
        "+12125551234",
        "(212) 555-1234",
        "212-555-1234",
        "212.555.1234",
        "212/555/1234",
        "[212] 555 1234",
        "+1 (212) 555-1234",
        "(+1) 212 555 1234",
        "1-212-555-1234",
        "++1 212 555 1234",
        "+ 1 212 555 1234",
        "  212 555 1234\r\n",
        "212–555—1234",
        "212\u2011555\u20111234",
        "212−555−1234",
        "212\u00a0555\u20091234",
        "\ufeff2125551234",
        "\u202a+1 212 555 1234\u202c",
        "\u200e212\u200b555\u00ad1234\u2060",
        "212\x00555\x071234",
        "２１２５５５１２３４",
        "＋１２１２５５５１２３４",
        "（２１２）５５５－１２３４",
        "٢١٢٥٥٥١٢٣٤",
        "۲۱۲۵۵۵۱۲۳۴",
        "२१२५५५१२३४",
        "tel:+1-212-555-1234",
        "TEL:2125551234",
        "tel://2125551234",
        "sms:+12125551234",
        '="2125551234"',
        '"2125551234"',
        "'2125551234",
        "’2125551234",
        "- 212 555 1234",
    ],
)
def test_written_forms_of_one_number(raw: str) -> None:
    """Punctuation, invisible characters, digits of other scripts and wrappers all mean the same number."""
    phone = normalise(raw, "US")
    assert isinstance(phone, Phone)
    assert phone.e164 == NEW_YORK
    assert phone.warnings == ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("12125551234.0", NEW_YORK),
        ("2125551234.0", NEW_YORK),
        ("2125551234.00", NEW_YORK),
        ("+12125551234.0", NEW_YORK),
        ("12125551234,0", NEW_YORK),
        (12125551234.0, NEW_YORK),
        ("12,125,551,234", NEW_YORK),
        ("2,125,551,234.00", NEW_YORK),
        ("1.2125551234E+10", NEW_YORK),
        ("1.2125551234e10", NEW_YORK),
        ("1,2125551234E+10", NEW_YORK),
        ("2.1255512340E+9", NEW_YORK),
        ("1.21256E+10", "digits_lost"),
        ("1.212555123E+10", "digits_lost"),
        ("1.21255512345E+10", "digits_lost"),
        ("1E+10", "digits_lost"),
        (1e19, "digits_lost"),
        ("15551234567.0", "not_assigned"),
        ("1.5551234567E+10", "not_assigned"),
        ("12125551234.5", "too_long"),
        ("12125551234.000", "too_long"),
    ],
)
def test_spreadsheets_are_undone_only_where_no_digit_was_lost(raw: str | float, expected: str) -> None:
    """A float's ".0", grouping and complete powers of ten are restored, with a warning; anything rounded is refused."""
    answer = normalise(raw, "US")
    assert e164(raw) == expected
    if isinstance(answer, Phone):
        assert [warning.code for warning in answer.warnings] == [WarningCode.SPREADSHEET]


@pytest.mark.parametrize(
    ("raw", "expected"), [(2125551234, NEW_YORK), (None, "empty"), (float("nan"), "empty"), (0, "too_short")]
)
def test_cells_that_are_not_text(raw: float | None, expected: str) -> None:
    """A spreadsheet's cell may hold a number or nothing."""
    assert e164(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "\t\n",
        "\u00a0",
        "\u200b",
        "None",
        "null",
        "NULL",
        "NaN",
        "n/a",
        "N/A",
        "#N/A",
        "-",
        "—",
        "?",
        '""',
        "unknown",
    ],
)
def test_nothing_is_empty(raw: str) -> None:
    """What software writes for "no value" is no number."""
    assert e164(raw) == "empty"


@pytest.mark.parametrize(
    "raw",
    [
        "212-555-1234 x89",
        "212-555-1234x89",
        "212-555-1234 ext 89",
        "212-555-1234 ext. 89",
        "212-555-1234 Extension: 89",
        "2125551234#89",
        "2125551234,,89",
        "2125551234;89",
        "tel:+1-212-555-1234;ext=89",
        "212-555-1234 ｘ89",
    ],
)
def test_an_extension_is_refused(raw: str) -> None:
    """A text cannot dial on, and the main number belongs to somebody else."""
    assert e164(raw) == "extension"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("1-800-FLOWERS", "letters"),
        ("Mobile: 212 555 1234", "letters"),
        ("212 555 1234 (cell)", "letters"),
        ("foo@example.com", "letters"),
        ("O207 234 3456", "letters"),
        ("inf", "letters"),
        ("tel:7042;phone-context=example.com", "letters"),
        ("中文", "letters"),
        ("+", "unreadable"),
        ("()", "unreadable"),
        ("212+555+1234", "unreadable"),
        ("2125551234+", "unreadable"),
        ("*67 212 555 1234", "unreadable"),
        ("2125551234, 2125551235", "unreadable"),
        ("2125551234 | 2125551235", "unreadable"),
        ("12³4567890", "unreadable"),
        ("😀2125551234", "unreadable"),
        ("\ud83d2125551234", "unreadable"),
        ("2125551234/2125551235", "too_long"),
        ("555-1234", "no_area_code"),
        ("911", "too_short"),
        ("12345", "too_short"),
        ("212555123", "too_short"),
        ("21255512345", "too_long"),
        ("+999 123 456 789", "unknown_country"),
        ("+0 20 7234 3456", "unknown_country"),
        ("+0044 20 7234 3456", "unknown_country"),
        ("+44", "too_short"),
        ("+1", "too_short"),
        ("0", "too_short"),
        ("(555) 123-4567", "not_assigned"),
        ("(000) 555-1234", "not_assigned"),
        ("+1 020 7234 3456", "too_long"),
    ],
)
def test_everything_else_has_one_reason(raw: str, code: str) -> None:
    """One code each, and its sentence, for what cannot be texted."""
    answer = normalise(raw, "US")
    assert isinstance(answer, PhoneProblem)
    assert (answer.code, answer.sentence) == (code, SENTENCES[ProblemCode(code)])


@pytest.mark.parametrize(
    ("region", "expected"), [("US", NEW_YORK), ("us", NEW_YORK), (" us ", NEW_YORK), ("CA", NEW_YORK)]
)
def test_the_default_region_is_an_iso_code_in_any_case(region: str, expected: str) -> None:
    """Typed by hand in a setting, it is read kindly."""
    assert e164("212 555 1234", region) == expected


@pytest.mark.parametrize("region", ["", "XX", "USA", "United States", "001", "1", None])
def test_without_a_usable_default_only_international_numbers_are_read(region: str) -> None:
    """An unknown default never becomes a guess."""
    assert e164("212 555 1234", region) == "no_region"
    assert e164("+1 212 555 1234", region) == NEW_YORK


@pytest.mark.parametrize("length", [LONGEST_TEXT - 1, LONGEST_TEXT, LONGEST_TEXT + 1])
def test_text_is_read_up_to_a_length(length: int) -> None:
    """At the limit it is still read (and is no number); beyond it, it is only too long."""
    assert e164("!" * length) == ("unreadable" if length <= LONGEST_TEXT else "too_long")


@pytest.mark.parametrize("unit", ["1", " ", "a", "\u200b", "+", "(", "1 ", "x1", "1,", "٢", "😀", "\ud800"])
def test_a_megabyte_costs_nothing(unit: str) -> None:
    """Hostile length is refused before it is looked at."""
    started = time.process_time()
    answer = normalise(unit * (1_000_000 // len(unit)), "US")
    assert isinstance(answer, PhoneProblem)
    assert time.process_time() - started < 0.2


def test_absurd_cells_do_not_raise() -> None:
    """Numbers that Python itself refuses to print are merely too long."""
    assert {e164(raw) for raw in (10**5000, -(10**5000), float("inf"), 1e300, 10**20)} == {"too_long"}


@pytest.mark.parametrize("pattern", ["1x", "1 ", "(1", "1,", "1.", "ext1", "1;", "='1", '"1'])
def test_no_pattern_of_a_hundred_characters_is_slow(pattern: str) -> None:
    """The regular expressions stay quick on the worst text they are given."""
    started = time.process_time()
    for _ in range(50):
        normalise((pattern * LONGEST_TEXT)[:LONGEST_TEXT], "US")
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("raw", "line_type", "region", "warned"),
    [
        ("+1 212 555 1234", "fixed_line_or_mobile", "US", []),
        ("+44 7400 123456", "mobile", "GB", []),
        ("+1 800 555 0199", "toll_free", "US", ["rarely_textable", "no_time_zone"]),
        ("+1 900 234 5678", "premium", "US", ["rarely_textable", "no_time_zone"]),
        ("+1 500 234 5678", "personal", "US", ["no_time_zone"]),
        ("+44 56 1234 5678", "voip", "GB", ["no_time_zone"]),
        ("+44 76 4012 3456", "pager", "GB", ["rarely_textable", "no_time_zone"]),
        ("+39 848 123456", "shared_cost", "IT", ["rarely_textable", "no_time_zone"]),
        ("+44 55 1234 5678", "uan", "GB", ["rarely_textable", "no_time_zone"]),
        ("+800 1234 5678", "toll_free", "001", ["rarely_textable", "no_time_zone"]),
        ("+49 30 123456", "fixed_line", "DE", ["fixed_line"]),
        ("+1 242 359 1234", "mobile", "BS", []),
    ],
)
def test_line_types_and_warnings(raw: str, line_type: str, region: str, warned: list[str]) -> None:
    """What the plan says of a number, and what follows for texting it."""
    phone = normalise(raw, "US")
    assert isinstance(phone, Phone)
    assert (phone.line_type, phone.region) == (line_type, region)
    assert [str(warning.code) for warning in phone.warnings] == warned
    assert bool(phone.time_zones) == ("no_time_zone" not in warned)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("+1 270-744-1234", ("America/Chicago", "America/New_York")),
        ("+1 270-274-5678", ("America/Chicago",)),
        ("+1 219-555-1234", ("America/Chicago", "America/New_York")),
        ("+1 423-555-1234", ("America/Chicago", "America/New_York")),
        ("+1 850-555-1234", ("America/Chicago", "America/New_York")),
        ("+1 684 733 1234", ("Pacific/Pago_Pago",)),
        ("+1 800-555-0199", ()),
    ],
)
def test_time_zones_are_a_set_when_the_number_cannot_decide(raw: str, expected: tuple[str, ...]) -> None:
    """Kentucky, Indiana, Tennessee, Florida: two zones; toll-free: none, so hold."""
    phone = normalise(raw, "US")
    assert isinstance(phone, Phone)
    assert phone.time_zones == expected


EXAMPLES = [
    number
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (0, 1, 3, 4, 5, 6, 7)
    if (number := phonenumbers.example_number_for_type(region, kind)) is not None
]


def test_every_countrys_example_numbers_are_read_in_both_forms() -> None:
    """International form under any default, national form under its own: the number, region and type the package gives."""
    for number in EXAMPLES:
        region = phonenumbers.region_code_for_number(number)
        plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        spaced = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        phone = normalise(spaced, "US")
        assert isinstance(phone, Phone), spaced
        assert (phone.e164, phone.region) == (plain, region)
        assert phone.line_type == list(LineType)[[1, 0, 2, 3, 4, 5, 6, 7][phonenumbers.number_type(number)]]
        assert e164(spaced, "") == plain


def test_every_countrys_own_international_prefix_is_understood() -> None:
    """Wherever the prefix is plain digits, a number dialled with it is the number."""
    tried = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        target = LONDON if region not in ("GB", "GG", "IM", "JE") else NEW_YORK
        if metadata and metadata.international_prefix and metadata.international_prefix.isdigit():
            assert e164(metadata.international_prefix + target[1:], region) == target, region
            tried += 1
    assert tried > 150


ANY_TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=[]), max_size=120)
PHONEISH = st.text(alphabet="0123456789+ ().-/,;#x ext.tel:=\"'٢＋\u200b\u00a0Ee", max_size=40)
REGIONS = st.sampled_from(["US", "GB", "DE", "JP", "AU", "IT", "KZ", "", "XX"])


@settings(max_examples=1000)
@given(st.one_of(ANY_TEXT, PHONEISH), REGIONS)
def test_any_text_has_an_answer(raw: str, region: str) -> None:
    """Never an exception; a valid number is E.164 and means itself under every default region."""
    answer = normalise(raw, region)
    if isinstance(answer, Phone):
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", answer.e164)
        for other in ("US", "GB", ""):
            again = normalise(answer.e164, other)
            assert isinstance(again, Phone)
            assert (again.e164, again.region, again.time_zones) == (answer.e164, answer.region, answer.time_zones)
    else:
        assert answer.sentence == SENTENCES[answer.code]


@settings(max_examples=500)
@given(st.integers(2_000_000_000, 9_999_999_999), st.sampled_from(["{}", "+1{}", "1{}", "1-{}", "{}.0"]))
def test_north_american_numbers_agree_with_the_package(number: int, form: str) -> None:
    """Valid exactly when phonenumbers says so, with its region."""
    parsed = phonenumbers.parse(f"+1{number}")
    answer = normalise(form.format(number), "US")
    assert isinstance(answer, Phone) == phonenumbers.is_valid_number(parsed)
    if isinstance(answer, Phone):
        assert answer.region == phonenumbers.region_code_for_number(parsed)


def test_no_sentence_names_a_number_and_every_code_has_one() -> None:
    """Sentences may be logged: they hold no digits and end as sentences do."""
    assert set(SENTENCES) == {*ProblemCode, *WarningCode}
    for sentence in SENTENCES.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert not any(char.isdigit() for char in sentence)
