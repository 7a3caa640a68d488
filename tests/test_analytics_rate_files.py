"""Rate files: what comes with us is fit for use, and every fault is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.rate_files import (
    CHARGED,
    EXEMPT,
    RateProblem,
    card_sheet,
    charged_sheet,
    exempt_sheet,
    find,
    house_cards,
)

HEAD = "kind,direction,message_kind,region,sender_kind,carrier,unit,cost_usd,price_usd,valid_from,valid_to,source,confirmed"
GOOD = "message,outbound,sms,US,*,*,segment,0.0083,,2026-05-25,,a list,yes"


def card(tmp_path: Path, *rows: str, head: str = HEAD) -> Path:
    """A card of two comment lines, a header and rows: the first row stands on line 4."""
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["# a comment, with a comma", "# and another", head, *rows]) + "\n", encoding="utf-8")
    return path


def changed(**cells: str) -> str:
    """The good row with some cells replaced."""
    row = dict(zip(HEAD.split(","), GOOD.split(","), strict=True)) | cells
    return ",".join(row.values())


def test_what_comes_with_us_is_fit_for_use() -> None:
    """No fault in any card or list of codes; 220 countries and islands, Namibia among them under its own two letters."""
    for name in house_cards():
        assert not card_sheet(name).faults
    assert not exempt_sheet().faults
    assert not charged_sheet().faults
    assert not {EXEMPT, CHARGED} & set(house_cards())
    outbound = [
        r for r in card_sheet("twilio-2026-05-25").rows if (r["kind"], r["direction"]) == ("message", "outbound")
    ]
    regions = {row["region"] for row in outbound if row["message_kind"] == "sms"}
    assert len(regions) == 220
    assert {"NA", "US", "GB", "GG", "JE", "SL"} <= regions
    assert all(row["source"] for row in outbound)


def test_the_codes_are_disjoint() -> None:
    """No code is both exempt and charged; the nineteen exempt ones and 30008 are there."""
    exempt = {row["error_code"] for row in exempt_sheet().rows}
    assert exempt == {
        12400, 20500, 20504, 30103, 30500, 63010, 63012, 30036, 30002, 30454, 63038, 90010, 30450, 21408, 63013, 63018, 63021,
        63024, 63032, 30008,
    }  # fmt: skip
    assert not exempt & {row["error_code"] for row in charged_sheet().rows}


def test_an_exact_amount_becomes_micros(tmp_path: Path) -> None:
    """Six decimals are kept, an empty price stays empty, a byte-order mark and Windows line ends do no harm."""
    path = card(tmp_path, changed(cost_usd="0.005175", price_usd="1"), changed(region="CA", cost_usd="0"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    rows = card_sheet(path).checked().rows
    assert [(row["cost_usd"], row["price_usd"]) for row in rows] == [(5_175, 1_000_000), (0, None)]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"cost_usd": "-0.0083"}, "cost_usd is negative."),
        ({"cost_usd": "8.3e-3"}, "cost_usd is '8.3e-3', not plain dollars"),
        ({"cost_usd": "0.00830000000000000057"}, "not plain dollars with at most six decimals"),
        ({"cost_usd": "0.0083001"}, "not plain dollars"),
        ({"cost_usd": "$0.0083"}, "not plain dollars"),
        ({"cost_usd": "0;0083"}, "not plain dollars"),
        ({"cost_usd": "nan"}, "not plain dollars"),
        ({"cost_usd": ""}, "not plain dollars"),
        ({"cost_usd": "9" * 20}, "9.2 trillion"),
        ({"price_usd": "free"}, "price_usd is 'free'"),
        ({"region": "UK"}, "region is 'UK', not a country"),
        ({"region": ""}, "region is ''"),
        ({"region": "us"}, "region is 'us'"),
        ({"kind": "messages"}, "kind is 'messages', not one of message, carrier_fee"),
        ({"direction": "out"}, "direction is 'out'"),
        ({"message_kind": "rcs"}, "message_kind is 'rcs'"),
        ({"sender_kind": "tollfree"}, "sender_kind is 'tollfree'"),
        ({"carrier": ""}, "carrier is empty."),
        ({"unit": "text"}, "unit is 'text'"),
        ({"valid_from": "25.05.2026"}, "valid_from is '25.05.2026', not a day"),
        ({"valid_to": "2026-05-25"}, "valid_to is the first day on which the row no longer holds"),
        ({"source": ""}, "source is empty."),
        ({"confirmed": "maybe"}, "confirmed is 'maybe', not one of yes, no"),
        ({"kind": "failed_message", "unit": "segment"}, "failed_message is taken per message, never per segment."),
        ({"kind": "pumping_protection", "unit": "segment"}, "pumping_protection is taken per message"),
    ],
)
def test_a_faulty_cell_is_named_with_its_line(tmp_path: Path, cells: dict[str, str], sentence: str) -> None:
    """The line number is that of the file, comments counted; the whole card is refused."""
    sheet = card_sheet(card(tmp_path, changed(region="CA"), changed(**cells)))
    assert [fault.line for fault in sheet.faults] == [5]
    with pytest.raises(RateProblem) as problem:
        sheet.checked()
    assert sentence in str(problem.value)
    assert "mine, line 5: " in str(problem.value)


@pytest.mark.parametrize(
    ("first_to", "second_from", "sentence"),
    [
        ("2026-07-01", "2026-06-30", "it overlaps the period of line 4"),
        ("2026-07-01", "2026-07-01", None),
        ("2026-07-01", "2026-07-02", "there is a gap between the end of line 4 (2026-07-01) and 2026-07-02."),
        ("", "2026-07-01", "it overlaps the period of line 4"),
    ],
)
def test_periods_meet_exactly(tmp_path: Path, first_to: str, second_from: str, sentence: str | None) -> None:
    """A day early is an overlap, a day late a gap; the order of the lines does not matter, another country does not count."""
    rows = [changed(valid_to=first_to), changed(valid_from=second_from), changed(region="CA", valid_from="2026-01-01")]
    faults = card_sheet(card(tmp_path, *rows)).faults
    assert bool(faults) is (sentence is not None)
    assert all(sentence is not None and sentence in fault.sentence for fault in faults)
    swapped = card_sheet(card(tmp_path, rows[1], rows[0])).faults
    assert bool(swapped) is bool(faults)


def test_several_faults_are_counted(tmp_path: Path) -> None:
    """The first is told, the others are numbered and all of them are kept."""
    with pytest.raises(RateProblem, match=r"line 4: .* \(and 2 more\)") as problem:
        card_sheet(card(tmp_path, changed(unit="x", source=""), changed(region="UK"))).checked()
    assert [fault.line for fault in problem.value.faults] == [4, 4, 5]


def test_a_file_that_is_no_card_is_refused(tmp_path: Path) -> None:
    """No such file, an empty one, a missing column."""
    with pytest.raises(RateProblem, match="There is no rate card none-such: give a path, or one of twilio-"):
        find("none-such")
    (tmp_path / "empty.csv").write_text("# nothing\n")
    with pytest.raises(RateProblem, match="empty is empty"):
        card_sheet(tmp_path / "empty.csv")
    with pytest.raises(RateProblem, match="line 3: the column confirmed is missing"):
        card_sheet(card(tmp_path, GOOD, head=HEAD.removesuffix(",confirmed")))
