"""Tests of sender/keywords.py: replies as people type them, and what they ask for."""

from __future__ import annotations

from datetime import date

import pytest

from sender.keywords import SENTENCES, Keyword, classify, fold, rows, words

STOP, START, HELP, PROBABLE, NONE = Keyword.STOP, Keyword.START, Keyword.HELP, Keyword.PROBABLE_STOP, Keyword.NONE

REPLIES = [
    # a word alone, as phones write it
    ("STOP", STOP),
    (" stop. ", STOP),
    ("Stop!!!", STOP),
    ("“Stop”", STOP),
    ("'STOP'", STOP),
    ("(stop)", STOP),
    ("*STOP*", STOP),
    ("stop stop STOP", STOP),
    ("S T O P", STOP),
    ("s.t.o.p.", STOP),
    ("ＳＴＯＰ", STOP),
    ("𝐒𝐓𝐎𝐏", STOP),
    ("stóp", STOP),
    ("ЅТОР", STOP),  # Cyrillic look-alikes
    ("st\u200bop", STOP),
    ("STOP 👍", STOP),
    ("Unsubscribe", STOP),
    ("UN-SUBSCRIBE", STOP),
    ("opt-out", STOP),
    ("Opt Out", STOP),
    ("OPTOUT", STOP),
    ("STOP ALL", STOP),
    ("Arrêt", STOP),
    ("ARRET", STOP),
    ("td", STOP),
    ("Go away!", STOP),
    ("Fuck off", STOP),
    ("REVOKE", STOP),
    ("end", STOP),
    ("🛑", STOP),
    ("⛔️", STOP),
    ("🖕🏽", STOP),
    ("❌❌❌", STOP),
    ("🛑🚫", STOP),
    # coming back, help
    ("Start", START),
    ("unstop.", START),
    ("YES", START),
    ("help", HELP),
    ("Info?", HELP),
    ("Alta", START),
    ("fin", STOP),
    # a phrase that means nothing else, and courtesies
    ("stop please", STOP),
    ("Please stop", STOP),
    # a sentence to us, or a word that may be about something else
    ("pls cancel", PROBABLE),
    ("STOP\nSent from my iPhone", STOP),
    ("Who is this? Stop.", PROBABLE),
    ("I said STOP", PROBABLE),
    ("can you stop this", PROBABLE),
    ("Stop texting me", STOP),
    ("please stop sending me these", PROBABLE),
    ("STOP CALLING ME!!", PROBABLE),
    ("Take me off your list", STOP),
    ("please remove my number from your system", PROBABLE),
    ("I do not want these texts", PROBABLE),
    ("Don’t text me again", STOP),
    ("how do I unsubscribe?", PROBABLE),
    ("no more texts pls", STOP),
    # not to us, or not about texts
    ("we must stop this bill", NONE),
    ("We need to stop texting while driving", NONE),
    ("Please don't stop texting me", NONE),
    ("please don't stop", NONE),
    ("if you don't stop texting me I will call a lawyer", PROBABLE),
    ("I'll stop by later", NONE),
    ("Meet me at the bus stop", NONE),
    ("the end", NONE),
    ("Thanks, I will leave now", NONE),
    ("I can't make it, cancel", NONE),
    ("cancel my appointment", NONE),
    ("help me", NONE),
    ("yes please", NONE),
    ("Thanks 🛑", NONE),
    ("👍", NONE),
    ("🛑👍", NONE),
    ("1", NONE),
    ("?!", NONE),
    ("", NONE),
    (" \n\t ", NONE),
]


@pytest.mark.parametrize(("reply", "expected"), REPLIES)
def test_a_reply_is_read_as_a_person_would_read_it(reply: str, expected: Keyword) -> None:
    """Words and stock phrases act at once, sentences to us are probable, and a stop about something else is nothing."""
    assert classify(reply) is expected


def test_every_word_of_the_list_acts_alone() -> None:
    """Each word that is in force does what its row says, in capitals and with a full stop."""
    for row in rows():
        if row.valid_to is None and row.word != SENTENCES:
            assert classify(row.word.upper() + ".") is row.action, row


def test_the_published_sets_are_complete() -> None:
    """The union of the FCC, ITMS, Twilio, AWS and Telnyx words is in force: 22 words and 7 emoji."""
    published = """stop · stopall · stop all · quit · end · revoke · opt out · opt-out · optout · cancel · unsubscribe · remove
        · arret · td · delete · go away · leave · cease · block · halt · fuck off · fuck you · 🛑 · 🚫 · ❌ · ⛔ · 🔕 · 📴 · 🖕"""
    listed = [word.strip() for word in published.split("·")]
    assert len(listed) == 29
    assert [word for word in listed if classify(word) is not STOP] == []


def test_words_are_dated() -> None:
    """A word counts from its first day; before any row was in force, nothing is a keyword."""
    assert classify("revoke", on=date(2025, 4, 10)) is NONE
    assert classify("revoke", on=date(2025, 4, 11)) is STOP
    assert words(date(2020, 1, 1)).replies == {}
    for sentence in ("I do not want these texts", "Who is this? Stop.", "end please"):
        assert [classify(sentence, on=date(year, 4, 11)) for year in (2020, 2025)] == [NONE, PROBABLE], sentence


def test_every_row_names_its_source() -> None:
    """No row without a source; our own additions are not marked confirmed."""
    for row in rows():
        assert row.source, row
        assert not (row.confirmed and row.source.startswith("own")), row


def test_a_book_is_read_quickly() -> None:
    """A megabyte of text is cut before it is folded."""
    assert classify("stop " * 200_000) is STOP
    assert len(fold("é" * 1_000_000)) <= 2_000
