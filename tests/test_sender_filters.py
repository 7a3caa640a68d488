"""Filters: English and money written one way on every machine, and refusal of what does not fit."""

import datetime as dt
from decimal import Decimal

import pytest

from sender.templates import RenderCode, RenderProblem, parse, render


@pytest.mark.parametrize(
    ("source", "value", "shown"),
    [
        ("upper", "straße é", "STRASSE É"),
        ("upper", 5, "5"),
        ("title", "ANNA", "Anna"),
        ("title", "mary o'neil-smith", "Mary O'neil-Smith"),
        ("title", "łukasz van der berg", "Łukasz Van Der Berg"),
        ("money", Decimal("0"), "$0.00"),
        ("money", Decimal("-5"), "-$5.00"),
        ("money", Decimal("-0.001"), "$0.00"),
        ("money", Decimal("0.005"), "$0.00"),
        ("money", Decimal("0.015"), "$0.02"),
        ("money", 1234567, "$1,234,567.00"),
        ("money", 0.1, "$0.10"),
        ("money", "1234.5", "$1,234.50"),
        ("money", "$1,234.5", "$1,234.50"),
        ("money", "-$12", "-$12.00"),
        ("money", " .5 ", "$0.50"),
        ("number", "1234567", "1,234,567"),
        ("number", "1,234.50", "1,234.50"),
        ("number", -1234.5, "-1,234.5"),
        ("number", 12.0, "12"),
        ("truncate: 10", "Ten chars!", "Ten chars!"),
        ("truncate: 9", "Ten chars!", "Ten ch..."),
        ("truncate: 7", "Ten chars!", "Ten..."),
        ("truncate: 4", "Ten chars!", "T..."),
        ("truncate: 3", "Ten chars!", "Ten"),
        ("truncate: 1", "Ten chars!", "T"),
        ("truncate: 20", 5, "5"),
        (
            'date: "%A %a %B %b %d %-d %e %m %-m %Y %y"',
            dt.date(2026, 3, 5),
            "Thursday Thu March Mar 05 5 5 03 3 2026 26",
        ),
        ('date: "%H:%M %I:%M %p %-I %-H %%"', dt.datetime(2026, 3, 5, 15, 4), "15:04 03:04 PM 3 15 %"),
        ('date: "%-I %p"', dt.datetime(2026, 3, 5, 0, 0), "12 AM"),
        ('date: "%-I %p"', dt.datetime(2026, 3, 5, 12, 0), "12 PM"),
        ('date: "%b %-d"', "2026-11-30", "Nov 30"),
        ('date: "%b %-d, %-I:%M %p"', "2026-11-30T18:30:00Z", "Nov 30, 6:30 PM"),
        ('date: "%b %-d %H"', "2026-11-30 18:30", "Nov 30 18"),
    ],
)
def test_filters(source: str, value: object, shown: str) -> None:
    """The fixed list, with English names on every machine and money rounded half to even."""
    assert render(parse(f"{{{{ v | {source} }}}}"), {"v": value}) == shown


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("v", [1]),
        ("v", {"a": 1}),
        ("v", b"x"),
        ("v", object()),
        ("v", Decimal("NaN")),
        ("v", Decimal("sNaN")),
        ("v", float("inf")),
        ("v", 10**500),
        ("v", Decimal("1E-1000000")),
        ("v", Decimal("1E+1000000")),
        ("v | upper", [1]),
        ("v | money", "abc"),
        ("v | money", "$"),
        ("v | money", "1,23"),
        ("v | money", "1.2.3"),
        ("v | money", "1" * 30),
        ("v | money", True),
        ("v | number", "１２"),
        ("v | number", "1e9"),
        ("v | date: '%b'", "soon"),
        ("v | date: '%b'", "04/03/2026"),
        ("v | date: '%b'", "2026-02-30"),
        ("v | date: '%b'", "2026-11-30 99:00"),
        ("v | date: '%b'", 20261130),
    ],
)
def test_a_value_that_does_not_fit_sets_the_recipient_aside(source: str, value: object) -> None:
    """One code, the field's name, and never the value."""
    with pytest.raises(RenderProblem) as problem:
        render(parse(f"{{{{ {source} }}}}"), {"v": value})
    assert (problem.value.code, problem.value.names) == (RenderCode.BAD_VALUE, ("v",))
    assert problem.value.sentence == "The value of v does not fit where the template uses it."
    assert problem.value.__cause__ is None
