"""Categories of templates: dated, complete, and what each of them says."""

from __future__ import annotations

from datetime import date

from sender.categories import DEFAULT, categories, rows

TODAY = date(2026, 11, 22)


def test_every_row_says_what_it_is_and_where_that_is_from() -> None:
    """No name twice at one time, help for each, a source for each."""
    assert [row.name for row in rows() if not (row.title and row.help.endswith(".") and row.source)] == []
    assert len(categories(TODAY)) == len([row for row in rows() if row.valid_to is None]) == 7


def test_the_first_offered_is_the_one_without_rules() -> None:
    """Who chooses nothing chooses it."""
    assert next(iter(categories(TODAY))) == DEFAULT == "OTHER"
    assert categories(TODAY)[DEFAULT].warning == ""


def test_only_an_event_of_the_persons_own_calls_for_information() -> None:
    """What passes over hours and limits is never for a list."""
    exempt = [one for one in rows() if one.exempt]
    assert [one.name for one in exempt] == ["INFORMATION"]
    assert not [one for one in exempt if one.bulk]


def test_a_text_is_never_limited_content() -> None:
    """Whoever chooses it is told so."""
    assert "voicemail" in categories(TODAY)["LIMITED_CONTENT"].warning


def test_a_category_is_offered_only_while_it_is_in_force() -> None:
    """Reg F is of the end of November 2021."""
    assert "VALIDATION_NOTICE" not in categories(date(2021, 11, 29))
    assert "VALIDATION_NOTICE" in categories(date(2021, 11, 30))
