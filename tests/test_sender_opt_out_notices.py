"""How to stop is said once, in the text's language, and for whom it must be."""

from __future__ import annotations

from datetime import date

import pytest

from models.accounts import Profile
from models.consent import Purpose
from sender.opt_out_notices import Policy, complete, policy, present, rows, wording
from sender.templates import parse

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_a_text_is_completed_once(language: str) -> None:
    """What we add is what we look for: a second time adds nothing, and it is a template still."""
    text = complete("Hello {{ name }}", language, TODAY)
    assert text.startswith("Hello {{ name }} ")
    assert text.endswith(wording(language, TODAY))
    assert present(text, TODAY)
    assert complete(text, "en", TODAY) == text
    parse(text)


def test_a_text_that_says_it_in_its_own_words_stays() -> None:
    """Also in another language than the one that is named."""
    for text in ("Renew now. Text STOP to end", "Responda ALTO para cancelar", "To opt out reply stop"):
        assert complete(text, "en", TODAY) == text


def test_an_unknown_language_gets_english_and_an_early_day_nothing() -> None:
    """There is always a way out; before the rule there was no wording."""
    assert wording("de", TODAY) == wording("en", TODAY)
    assert complete("Hello", "en", date(2020, 1, 1)) == "Hello"
    assert complete("  ", "en", TODAY) == wording("en", TODAY)


@pytest.mark.parametrize(
    ("profile", "purpose", "found"),
    [
        (Profile.THIRD_PARTY_COLLECTOR, Purpose.ACCOUNT, Policy.REQUIRED),
        (Profile.THIRD_PARTY_COLLECTOR, Purpose.MARKETING, Policy.REQUIRED),
        (Profile.ASSOCIATION, Purpose.MARKETING, Policy.EXPECTED),
        (Profile.FIRST_PARTY_CREDITOR, Purpose.ACCOUNT, Policy.OFFERED),
        (Profile.BUSINESS, Purpose.ACCOUNT, Policy.OFFERED),
    ],
)
def test_who_must_say_it(profile: Profile, purpose: Purpose, found: Policy) -> None:
    """A debt collector always, marketing unless somebody decides otherwise, the others where asked for."""
    assert policy(profile, purpose, TODAY) is found


def test_every_row_has_a_source_and_dates() -> None:
    """And the translations, which nobody checked, say so."""
    assert [row for row in rows() if not row.source or row.valid_from > TODAY] == []
    assert {row.language: row.confirmed for row in rows() if row.kind == "wording"} == {
        "en": True,
        "es": False,
        "fr": False,
    }
