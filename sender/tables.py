"""What is in an uploaded list? CSV of any kind and XLSX, as rows of text under named columns, streamed.

The content decides how a file is read, never its name. Every fault is an `AudienceProblem` with a sentence for the person who
uploaded it; the sentence may name a row, never what stands in it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import Any, BinaryIO, cast

MAX_BYTES = 200_000_000
MAX_ROWS = 2_000_000
MAX_COLUMNS = 300
UNPACKED = 10
"""How many times larger than `max_bytes` an XLSX may unpack to: sheets unpack five- to tenfold, bombs a thousandfold."""
SHARED_STRINGS = 150_000_000
"""Bytes of an XLSX's table of texts, which must fit in memory several times over."""
RUNS_OVER = 50
"""Lines of one CSV row from which a quotation mark must be missing."""
LONGEST_NAME = 100
DELIMITERS = ",;\t|"

Cells = Sequence[object]


class AudienceProblem(Exception):
    """A list that cannot be read or used; `sentence` says what to do about it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Table:
    """A list's columns, each name once, and its rows as text in their order, to be read once. A row has every column.

    Reading `cells` may raise AudienceProblem. Blank rows at the end are no rows; blank rows in between are.
    """

    columns: list[str]
    cells: Iterator[list[str]]

    @property
    def rows(self) -> Iterator[dict[str, str]]:
        """The rows by column: easier to read, and slower."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.cells)


def open_table(
    filename: str,
    stream: BinaryIO,
    *,
    max_bytes: int = MAX_BYTES,
    max_rows: int = MAX_ROWS,
    max_columns: int = MAX_COLUMNS,
) -> Table:
    """Open a list by its content: XLSX if it is a zip archive, else CSV. `filename` is only repeated in sentences.

    The limits are bytes of the file, rows under the header, columns. CSV may be UTF-8, UTF-16 or Windows-1252, delimited by
    comma, semicolon, tab or bar. Cells that overhang the header are dropped, missing ones are "".
    """
    stream = _rewound(stream, max_bytes)
    start = stream.read(8)
    stream.seek(0)
    written: Callable[[Any], str] = _text
    if start.startswith(b"PK\x03\x04"):
        cells = _sheet(filename, stream, max_bytes * UNPACKED)
    elif start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise AudienceProblem(
            f"{filename} is an old or locked Excel workbook; save it as .xlsx without a password, or as CSV."
        )
    else:
        cells, written = _delimited(filename, stream), str.strip
    columns = _columns(filename, cells, max_columns)
    return Table(columns, _rows(len(columns), cells, written, max_rows))


def _rewound(stream: BinaryIO, max_bytes: int) -> BinaryIO:
    """The stream at its start; a pipe, which has none, is copied into memory. Refused where it is too large."""
    if not stream.seekable():
        stream = io.BytesIO(stream.read(max_bytes + 1))
    if stream.seek(0, io.SEEK_END) > max_bytes:
        raise AudienceProblem(f"The file is larger than {max_bytes / 1e6:,.0f} MB; split it.")
    stream.seek(0)
    return stream


# CSV


def _delimited(filename: str, stream: BinaryIO) -> Iterator[Cells]:
    encoding = _encoding(stream)
    sample = stream.read(65_536)
    stream.seek(0)
    if encoding != "utf-16" and b"\0" in sample:
        raise AudienceProblem(f"{filename} is not a table of text; save the list as CSV or .xlsx.")
    text = io.TextIOWrapper(stream, encoding, errors="replace", newline="")
    start = sample.decode(encoding, "replace")
    declared = _DECLARED.match(start)
    if declared:
        text.readline()
    return _records(text, declared[1] if declared else _delimiter(start, whole=len(sample) < 65_536))


_DECLARED = re.compile(r'"?sep=(.)"?[\r\n]', re.IGNORECASE)


def _encoding(stream: BinaryIO) -> str:
    """By byte order mark; else UTF-8 if all of it is; else Windows-1252. Leaves the stream at its start."""
    start = stream.read(4)
    stream.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := stream.read(1_000_000):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        stream.seek(0)
    return "utf-8-sig"


def _delimiter(start: str, *, whole: bool) -> str:
    """The delimiter that splits the first rows most evenly, then into most columns; a comma where none splits the header."""
    if not whole:
        start = start[: start.rfind("\n") + 1] or start
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(start, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            rows = [row for row in islice(reader, 50) if row]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        score = (sum(len(row) == width for row in rows) / max(len(rows), 1), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _records(text: io.TextIOWrapper, delimiter: str) -> Iterator[Cells]:
    lines = (line.replace("\0", "").replace("\r\n", "\n") for line in text)
    reader, line = csv.reader(lines, delimiter=delimiter, skipinitialspace=True), 0
    try:
        while (record := next(reader, None)) is not None:
            if reader.line_num - line > RUNS_OVER:
                raise AudienceProblem(f"In line {line + 1:,} a quotation mark is missing: a cell runs over many lines.")
            line = reader.line_num
            yield record
    except csv.Error:
        raise AudienceProblem(f"In line {line + 1:,} a quotation mark is missing: a cell does not end.") from None
    finally:
        if not text.closed:  # a reader dropped after its stream is closed has nothing left to let go
            text.detach()  # the stream belongs to the caller and must not be closed with its reader


# XLSX


def _sheet(filename: str, stream: BinaryIO, unpacked: int) -> Iterator[Cells]:
    """The rows of the sheet that was in front when the workbook was saved."""
    if not _fits(filename, stream, unpacked):
        raise AudienceProblem(f"{filename} unpacks to more than can be read; save the list as CSV.")
    try:
        yield from _worksheet(stream)
    except Exception:  # a damaged workbook raises anything, with its cells in the text
        raise _unreadable(filename) from None


def _unreadable(filename: str) -> AudienceProblem:
    return AudienceProblem(f"{filename} cannot be read as a workbook; open it and save it again as .xlsx, or as CSV.")


def _fits(filename: str, stream: BinaryIO, unpacked: int) -> bool:
    """By the sizes that the archive declares; more is never unpacked, because reading stops there."""
    try:
        sizes = {member.filename: member.file_size for member in zipfile.ZipFile(stream).infolist()}
    except Exception:
        raise _unreadable(filename) from None
    return sum(sizes.values()) <= unpacked and sizes.get("xl/sharedStrings.xml", 0) <= SHARED_STRINGS


def _worksheet(stream: BinaryIO) -> Iterator[Cells]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and validations, which we do not read
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    sheet = book.active if book.active in book.worksheets else book.worksheets[0]
    sheet.reset_dimensions()  # some programs write wrong ones
    return cast(Iterator[Cells], sheet.iter_rows(values_only=True))


# both


def _text(cell: object) -> str:
    """A cell as people read it: 15551234567.0 is "15551234567", a date is ISO 8601, TRUE is "TRUE"."""
    if isinstance(cell, str):
        return cell.replace("\0", "").replace("\r\n", "\n").strip()
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime) and cell.time() == time(0):
        cell = cell.date()
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


_PHONE = re.compile(r"[+\d() ./-]{7,}")


def _columns(filename: str, cells: Iterator[Cells], max_columns: int) -> list[str]:
    """The names in the first row that is not blank, each once: a second "Phone" is "Phone (2)", a blank one "Column 3"."""
    named = next((row for row in (list(map(_text, one)) for one in cells) if any(row)), None)
    if named is None:
        raise AudienceProblem(f"{filename} is empty.")
    while not named[-1]:
        named.pop()
    if len(named) > max_columns:
        raise AudienceProblem(f"{filename} has {len(named):,} columns; {max_columns:,} can be read.")
    if any(_PHONE.fullmatch(name) and sum(map(str.isdigit, name)) >= 7 for name in named):
        raise AudienceProblem(
            f"The first row of {filename} must name the columns, but it contains a number; add a row of names."
        )
    columns: list[str] = []
    for position, name in enumerate(named, start=1):
        plain = " ".join(name.split())[:LONGEST_NAME] or f"Column {position}"
        same, unique = 1, plain
        while unique in columns:
            same += 1
            unique = f"{plain} ({same})"
        columns.append(unique)
    return columns


def _rows(width: int, cells: Iterator[Cells], written: Callable[[Any], str], max_rows: int) -> Iterator[list[str]]:
    number = blanks = 0
    for record in cells:
        row = list(map(written, record))
        if not any(row[:width]):
            blanks += 1
            continue
        if len(row) != width:
            row = row[:width] + [""] * (width - len(row))
        number += blanks + 1
        if number > max_rows:
            raise AudienceProblem(f"The list has more than {max_rows:,} rows; split it.")
        for _ in range(blanks):
            yield [""] * width
        blanks = 0
        yield row
