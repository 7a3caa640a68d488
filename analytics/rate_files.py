"""Is this rate card fit for use? Reads the CSV of a card or of exempt codes and names every faulty line.

A card is data: units, periods, sources and whether a figure is confirmed all stand in the file. Prices here are exact decimal
text that becomes integer micros; nothing is guessed, and a card with one faulty line is refused as a whole.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from models.accounts import SenderKind
from models.charges import ANY, ChargeKind, Unit
from models.messages import Direction, Kind
from models.money import NotMoney, micros

FOLDER = Path(__file__).with_name("rate_cards")
EXEMPT = "failed_message_exempt_codes"
CHARGED = "failed_message_charged_codes"
KEY = ("kind", "direction", "message_kind", "region", "sender_kind", "carrier")
PER_MESSAGE = {ChargeKind.FAILED_MESSAGE.value, ChargeKind.PUMPING_PROTECTION.value}
"""Twilio takes these once a message, however many segments it has."""
_AMOUNT = re.compile(r"\d+(\.\d{1,6})?")


@dataclass(frozen=True)
class Fault:
    """What is wrong with one line of a file."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.sentence}"


class RateProblem(ValueError):
    """A card cannot be used; the text is one sentence, `faults` has every faulty line."""

    def __init__(self, sentence: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(sentence)
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Sheet:
    """A file that was read: its name, its fingerprint, its rows ready for the table, and its faulty lines."""

    name: str
    sha256: str
    rows: tuple[dict[str, Any], ...]
    faults: tuple[Fault, ...]

    def checked(self) -> Sheet:
        """Itself; raises RateProblem if a line is faulty."""
        if self.faults:
            more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
            raise RateProblem(f"{self.name}, {self.faults[0]}{more}", self.faults)
        return self


def find(source: str | Path) -> Path:
    """The file of a card: a path, or the name of one that comes with us. Raises RateProblem."""
    ours = FOLDER / f"{source}.csv"
    path = ours if isinstance(source, str) and "/" not in source and ours.is_file() else Path(source)
    if not path.is_file():
        raise RateProblem(f"There is no rate card {source}: give a path, or one of {', '.join(house_cards())}.")
    return path


def house_cards() -> list[str]:
    """The names of the cards that come with us, oldest first."""
    return sorted(path.stem for path in FOLDER.glob("*.csv") if path.stem not in (EXEMPT, CHARGED))


def card_sheet(source: str | Path) -> Sheet:
    """Read a rate card. Faults: unknown words or countries, amounts that are not plain decimals, gaps and overlaps."""
    return _read(find(source), RATE, _rate_faults)


def exempt_sheet() -> Sheet:
    """Read the codes for which Twilio waives the failed-message fee."""
    return _read(FOLDER / f"{EXEMPT}.csv", EXEMPTION)


def charged_sheet() -> Sheet:
    """Read the codes that certainly cost the failed-message fee."""
    return _read(FOLDER / f"{CHARGED}.csv", CHARGED_CODE)


def _word(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is {text!r}, not one of {', '.join(choices)}")
        return text

    return read


def _region(text: str) -> str:
    import phonenumbers

    if text != ANY and text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"is {text!r}, not a country that has telephone numbers (two letters, such as GB)")
    return text


def _amount(text: str) -> int:
    if text.startswith("-"):
        raise ValueError("is negative")
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"is {text!r}, not plain dollars with at most six decimals, such as 0.0083")
    try:
        return micros(text)
    except NotMoney as problem:
        raise ValueError(str(problem)) from None


def _price(text: str) -> int | None:
    return _amount(text) if text else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is {text!r}, not a day such as 2026-05-25") from None


def _open_day(text: str) -> date | None:
    return _day(text) if text else None


def _text(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


def _code(text: str) -> int:
    if not re.fullmatch(r"\d{4,6}", text):
        raise ValueError(f"is {text!r}, not an error code of Twilio")
    return int(text)


def _yes(text: str) -> bool:
    return _word("yes", "no")(text) == "yes"


Readers = Mapping[str, Callable[[str], Any]]
RATE: Readers = {
    "kind": _word(*ChargeKind),
    "direction": _word(*Direction),
    "message_kind": _word(*Kind, ANY),
    "region": _region,
    "sender_kind": _word(*SenderKind, ANY),
    "carrier": _text,
    "unit": _word(*Unit),
    "cost_usd": _amount,
    "price_usd": _price,
    "valid_from": _day,
    "valid_to": _open_day,
    "source": _text,
    "confirmed": _yes,
}
EXEMPTION: Readers = {
    "error_code": _code, "why": _text, "valid_from": _day, "valid_to": _open_day, "source": _text, "confirmed": _yes,
}  # fmt: skip
CHARGED_CODE: Readers = {"error_code": _code, "why": _text, "source": _text, "confirmed": _yes}


def _no_more_faults(_row: dict[str, Any]) -> Iterable[str]:
    return ()


def _rate_faults(row: dict[str, Any]) -> Iterator[str]:
    if row["kind"] in PER_MESSAGE and row["unit"] != Unit.MESSAGE:
        yield f"{row['kind']} is taken per message, never per {row['unit']}."


def _read(
    path: Path, readers: Readers, more_faults: Callable[[dict[str, Any]], Iterable[str]] = _no_more_faults
) -> Sheet:
    content = path.read_bytes()
    rows: list[tuple[int, dict[str, Any]]] = []
    faults: list[Fault] = []
    for line, row in _table(path.stem, content, readers):
        values: dict[str, Any] = {}
        for name, read in readers.items():
            try:
                values[name] = read(row.get(name, "").strip())
            except ValueError as problem:
                faults.append(Fault(line, f"{name} {problem}."))
        if len(values) == len(readers):
            faults += [Fault(line, sentence) for sentence in more_faults(values)]
            rows.append((line, values))
    if "valid_from" in readers:
        faults += _period_faults(rows, [name for name in (*KEY, "error_code") if name in readers])
    return Sheet(
        path.stem, sha256(content).hexdigest(), tuple(row for _, row in rows), tuple(sorted(faults, key=_line))
    )


def _line(fault: Fault) -> int:
    return fault.line


def _table(name: str, content: bytes, readers: Readers) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows; comment lines are blanked, not dropped, so that the numbers stay those of the file."""
    text = content.decode("utf-8-sig", errors="replace")
    reader = csv.reader("" if line.startswith("#") else line for line in text.splitlines())
    header: list[str] = []
    for row in reader:
        if not row:
            continue
        if header:
            yield reader.line_num, dict(zip(header, row, strict=False))
            continue
        header = [cell.strip() for cell in row]
        if missing := [column for column in readers if column not in header]:
            raise RateProblem(f"{name}, line {reader.line_num}: the column {missing[0]} is missing.")
    if not header:
        raise RateProblem(f"{name} is empty.")


def _period_faults(rows: Iterable[tuple[int, dict[str, Any]]], key: list[str]) -> Iterator[Fault]:
    before: dict[tuple[Any, ...], tuple[int, date | None]] = {}
    for line, row in sorted(rows, key=lambda pair: (pair[1]["valid_from"], pair[0])):
        about, start, end = tuple(row[name] for name in key), row["valid_from"], row["valid_to"]
        if end is not None and end <= start:
            yield Fault(
                line, "valid_to is the first day on which the row no longer holds, so it must be later than valid_from."
            )
        if about in before:
            other, ended = before[about]
            if ended is None or ended > start:
                yield Fault(line, f"it overlaps the period of line {other}, which is about the same thing.")
            elif ended < start:
                yield Fault(line, f"there is a gap between the end of line {other} ({ended}) and {start}.")
        before[about] = (line, end)
