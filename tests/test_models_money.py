"""Money: one door in, exact sums, one rounding, text that does not lie."""

import decimal
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import LIMIT, NotMoney, dollars, micros, round_to_cents, show, usd

AMOUNTS_U = st.integers(-LIMIT, LIMIT)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (-7, "-7"),
        ("0.0079", "0.0079"),
        ("-0.00790", "-0.00790"),
        (" 1234.5 ", "1234.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1E-6", "0.000001"),
        (Decimal("0.005175"), "0.005175"),
    ],
)
def test_usd_reads_whole_dollars_strings_and_decimals(value: int | str | Decimal, expected: str) -> None:
    """An int is dollars, a string is plain decimal text, a Decimal is itself."""
    assert usd(value) == Decimal(expected)


@pytest.mark.parametrize(
    "value",
    [
        *(0.1, 1.0, float("nan"), True, None, b"1", [1]),
        *("", " ", "nan", "NaN", "inf", "-Infinity", "$1", "1,000", "1_000", "１", "1.2.3", "1e999", "0x10", "9" * 101),
        *(
            Decimal("NaN"),
            Decimal("sNaN"),
            Decimal("Infinity"),
            Decimal("-Infinity"),
            Decimal("1e13"),
            10**13,
            10**500,
        ),
    ],
)
def test_what_is_not_money_is_refused_with_one_sentence(value: object) -> None:
    """Floats, NaN, infinities, decorated text and absurd sizes never enter, and the refusal says why."""
    for door in (usd, micros):
        with pytest.raises(NotMoney) as refusal:
            door(value)  # type: ignore[arg-type]
        assert str(refusal.value).endswith(".")
        assert isinstance(refusal.value, ValueError)
        assert isinstance(refusal.value, TypeError)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.0083", 8300),
        ("0.00083", 830),
        ("0.00875", 8750),
        ("0.005175", 5175),
        ("0.000001", 1),
        ("-0.000001", -1),
        ("0.0000010", 1),
        ("0.00790000000000", 7900),
        (1, 1_000_000),
        (Decimal("1E+3"), 1_000_000_000),
        ("9223372036854.775807", LIMIT),
        ("-9223372036854.775807", -LIMIT),
        ("0E-90", 0),
    ],
)
def test_micros_are_exact(value: int | str | Decimal, expected: int) -> None:
    """Six decimals fit; zeros beyond them change nothing."""
    assert micros(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "0.0000001",
        "0.0000005",
        "1.2345678",
        "9223372036854.775808",
        "1E-99",
        Decimal("1E-500"),
        Decimal("1." + "1" * 200),
    ],
)
def test_a_seventh_decimal_is_refused_unless_a_rounding_is_named(value: str | Decimal) -> None:
    """Nothing is dropped silently, and nothing larger than a column is made."""
    with pytest.raises(NotMoney):
        micros(value)


@pytest.mark.parametrize(
    ("value", "rounding", "expected"),
    [
        ("0.0000005", ROUND_HALF_EVEN, 0),
        ("0.0000015", ROUND_HALF_EVEN, 2),
        ("0.0000005", ROUND_HALF_UP, 1),
        ("0.0000019", ROUND_DOWN, 1),
        ("-0.0000019", ROUND_DOWN, -1),
        ("1E-99", ROUND_HALF_UP, 0),
    ],
)
def test_a_named_rounding_decides_the_seventh_decimal(value: str, rounding: str, expected: int) -> None:
    """The caller who accepts a loss says which one."""
    assert micros(value, rounding=rounding) == expected


@given(AMOUNTS_U)
def test_micros_and_dollars_are_inverse(amount_u: int) -> None:
    """Every amount survives the way out and back, always with six decimals."""
    amount = dollars(amount_u)
    assert micros(amount) == amount_u
    assert amount.as_tuple().exponent == -6


def test_the_callers_decimal_context_changes_nothing() -> None:
    """A notebook that lowered the precision still gets exact figures."""
    with decimal.localcontext() as context:
        context.prec = 3
        assert micros("1234.567891") == 1_234_567_891
        assert dollars(1_234_567_891) == Decimal("1234.567891")


def test_a_thousand_small_fees_sum_exactly() -> None:
    """1,000 x $0.005175 is $5.175, not a float's neighbour of it."""
    assert dollars(sum(micros("0.005175") for _ in range(1000))) == Decimal("5.175")


@pytest.mark.parametrize(
    ("amount_u", "cents_u", "rounding_u"),
    [
        (0, 0, 0),
        (4_999, 0, -4_999),
        (5_000, 0, -5_000),
        (5_001, 10_000, 4_999),
        (14_999, 10_000, -4_999),
        (15_000, 20_000, 5_000),
        (15_001, 20_000, 4_999),
        (25_000, 20_000, -5_000),
        (-5_000, 0, 5_000),
        (-5_001, -10_000, -4_999),
        (-15_000, -20_000, -5_000),
        (1_230_000, 1_230_000, 0),
    ],
)
def test_cents_round_half_to_even_and_hand_back_the_difference(amount_u: int, cents_u: int, rounding_u: int) -> None:
    """Boundaries at half a cent minus, exactly and plus one micro, on both sides of zero."""
    assert round_to_cents(amount_u) == (cents_u, rounding_u)


@given(st.integers(-(10**15), 10**15))
def test_rounding_agrees_with_decimal_and_adds_up(amount_u: int) -> None:
    """Lines plus the rounding line equal the printed total, and the total is Decimal's half-even."""
    cents_u, rounding_u = round_to_cents(amount_u)
    assert amount_u + rounding_u == cents_u
    assert dollars(cents_u) == dollars(amount_u).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)


@pytest.mark.parametrize(
    ("amount_u", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (8_300, "$0.0083"),
        (5_175, "$0.005175"),
        (10_000, "$0.01"),
        (100_000, "$0.10"),
        (1_234_560_000, "$1,234.56"),
        (1_234_567_000, "$1,234.567"),
        (-1_500_000, "-$1.50"),
        (-1, "-$0.000001"),
    ],
)
def test_show_gives_two_decimals_and_more_only_when_needed(amount_u: int, text: str) -> None:
    """People read cents, except where cents would hide something."""
    assert show(amount_u) == text


@given(AMOUNTS_U)
def test_show_never_lies(amount_u: int) -> None:
    """The text, read back, is the amount."""
    assert micros(show(amount_u).replace("$", "").replace(",", "")) == amount_u


@pytest.mark.parametrize("value", [1.0, True, None, "1", LIMIT + 1])
def test_micros_out_of_a_table_are_checked_too(value: object) -> None:
    """A float that slipped into a sum is caught where it would be shown."""
    for door in (dollars, show, round_to_cents):
        with pytest.raises(NotMoney):
            door(value)  # type: ignore[arg-type]
