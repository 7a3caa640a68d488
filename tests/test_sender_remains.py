"""Which of Twilio's messages is which row: as many as there are rows of the same words, or nothing at all, or open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sender.gateway import Remote
from sender.remains import Fate, Remains
from tests.conftest import NOW

ANN, BOB = "+12125550101", "+12125550102"


def remote(sid: str, to: str, body: str, *, minutes: int = 0, direction: str = "outbound-api") -> Remote:
    """A message as Twilio holds it."""
    return Remote(
        sid, "sent", direction, to, "27242", None, body, 1, 0, None, "USD", None, NOW + timedelta(minutes=minutes), NOW
    )


@pytest.mark.parametrize(
    ("rows", "at_twilio", "fates"),
    [
        ([(1, ANN, "a")], [], ["unsent"]),
        ([(1, ANN, "a")], [("S1", ANN, "a")], ["sent S1"]),
        ([(1, ANN, "a")], [("S1", BOB, "a")], ["unsent"]),
        ([(1, ANN, "a")], [("S1", ANN, "b")], ["open"]),
        ([(1, ANN, "a")], [("S1", ANN, "")], ["open"]),
        ([(1, ANN, "a")], [("S1", ANN, "a"), ("S2", ANN, "b")], ["sent S1"]),
        ([(1, ANN, "a")], [("S1", ANN, "a"), ("S2", ANN, "a")], ["open"]),
        ([(1, ANN, "a"), (2, ANN, "a")], [("S1", ANN, "a")], ["open", "open"]),
        ([(1, ANN, "a"), (2, ANN, "a")], [("S2", ANN, "a"), ("S1", ANN, "a")], ["sent S2", "sent S1"]),
        ([(1, ANN, "a"), (2, ANN, "b")], [("S1", ANN, "a")], ["sent S1", "unsent"]),
        ([(1, ANN, "a"), (2, ANN, "b")], [("S1", ANN, "c")], ["open", "open"]),
        ([(1, ANN, "a"), (2, BOB, "a")], [("S1", BOB, "a")], ["unsent", "sent S1"]),
    ],
)
def test_what_became_of_rows(
    rows: list[tuple[int, str, str]], at_twilio: list[tuple[str, str, str]], fates: list[str]
) -> None:
    """By recipient and words; the first message is the first row's. Where it cannot be told, it is open."""
    remains = Remains(rows)
    messages = [remote(sid, to, body, minutes=number) for number, (sid, to, body) in enumerate(at_twilio)]
    remains.add(messages)
    remains.add(messages)
    found = [remains.fate(id_) for id_, _, _ in rows]
    assert [f"{fate.value} {match.sid}" if match else fate.value for fate, match in found] == fates


def test_what_rows_have_already() -> None:
    """A message that is some row's own is nobody else's; what is no row's is a stranger; what came in is apart."""
    remains = Remains([(1, ANN, "a"), (2, BOB, "b")])
    remains.add([remote("S1", ANN, "a"), remote("S2", BOB, "x"), remote("S3", "+12125550103", "y")])
    remains.add(
        [
            remote("S5", "27242", "STOP", minutes=2, direction="inbound"),
            remote("S4", "27242", "HELP", direction="inbound"),
        ]
    )
    assert (remains.unfound(), sorted(remains.sids)) == ([BOB], ["S1", "S2", "S3"])
    remains.forget(["S2", "S9"])
    assert [remains.fate(id_)[0] for id_ in remains.ids] == [Fate.SENT, Fate.UNSENT]
    assert remains.strangers() == {"S3": "+12125550103"}
    assert [one.sid for one in remains.inbound] == ["S4", "S5"]
