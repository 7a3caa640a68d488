"""Tests of sender/tables.py: lists as people upload them."""

from __future__ import annotations

import gc
import io
import warnings
import zipfile
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sender.tables import AudienceProblem, Table, open_table


def opened(content: str | bytes, **limits: int) -> Table:
    """A list opened from its text."""
    return open_table("list.csv", io.BytesIO(content if isinstance(content, bytes) else content.encode()), **limits)


def read(content: str | bytes, **limits: int) -> list[dict[str, str]]:
    """All its rows."""
    return list(opened(content, **limits).rows)


def workbook(*rows: list[object]) -> bytes:
    """An XLSX with one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


ANN = [{"Phone": "+12125550101", "Name": "Ann Lee"}, {"Phone": "+12125550102", "Name": "Bo, Jr."}]


@pytest.mark.parametrize(
    "content",
    [
        'Phone,Name\n+12125550101,Ann Lee\n+12125550102,"Bo, Jr."\n',
        'Phone,Name\r\n+12125550101,Ann Lee\r\n+12125550102,"Bo, Jr."',
        'Phone,Name\r+12125550101,Ann Lee\r+12125550102,"Bo, Jr."\r',
        "Phone;Name\n+12125550101;Ann Lee\n+12125550102;Bo, Jr.\n",
        "Phone\tName\n+12125550101\tAnn Lee\n+12125550102\tBo, Jr.\n",
        "Phone|Name\n+12125550101|Ann Lee\n+12125550102|Bo, Jr.\n",
        "sep=;\nPhone;Name\n+12125550101;Ann Lee\n+12125550102;Bo, Jr.\n",
        '\n\n Phone , Name \n +12125550101 , "Ann Lee" \n+12125550102, "Bo, Jr."\n,\n\n',
        "\ufeffPhone,Name\n+12125550101,Ann Lee\n+12125550102,\"Bo, Jr.\"\n",
        'Phone,Name,\n+12125550101,Ann Lee,\n+12125550102,"Bo, Jr.",,,\n',
        "Phone\tName\n+12125550101\tAnn Lee\n+12125550102\tBo, Jr.\n".encode("utf-16"),
        workbook(["Phone", "Name"], ["+12125550101", "Ann Lee"], ["+12125550102", "Bo, Jr."], [None, " "]),
    ],
)  # fmt: skip
def test_every_dialect_is_the_same_list(content: str | bytes) -> None:
    """Line ends, delimiters, quotes, byte order marks, padding, blank lines around: two people."""
    table = opened(content)
    assert table.columns == ["Phone", "Name"]
    assert list(table.rows) == ANN


@pytest.mark.parametrize("name", ["Łukasz", "José", "李", "Zoë – “Z”"])
def test_utf8_and_windows_text_both_survive(name: str) -> None:
    """UTF-8 when all of it is; else Windows-1252."""
    assert read(f"Name\n{name}\n") == [{"Name": name}]
    if name not in ("Łukasz", "李"):
        assert read(f"Name\n{name}\n".encode("cp1252")) == [{"Name": name}]


def test_a_late_byte_decides_the_encoding() -> None:
    """Two megabytes of ASCII, then one Windows-1252 é."""
    rows = read(b"Name\n" + b"Ann Lee is a member\n" * 100_000 + b"Jos\xe9\n")
    assert rows[-1] == {"Name": "José"}


def test_headers_are_named_once() -> None:
    """Duplicate and blank headers get a name of their own; what overhangs is dropped, what is missing is empty."""
    table = opened("Phone,Phone,,Phone (2),Name\n1,2,3,4,5,6\n7\n")
    assert table.columns == ["Phone", "Phone (2)", "Column 3", "Phone (2) (2)", "Name"]
    first, second = table.rows
    assert list(first.values()) == ["1", "2", "3", "4", "5"]
    assert list(second.values()) == ["7", "", "", "", ""]


def test_blank_rows_between_count_as_rows() -> None:
    """So that row numbers stay those of the sheet."""
    assert read("Phone,Name\n1,a\n\n,\n2,b\n\n") == [
        {"Phone": "1", "Name": "a"},
        {"Phone": "", "Name": ""},
        {"Phone": "", "Name": ""},
        {"Phone": "2", "Name": "b"},
    ]


def test_quoted_newlines_stay_in_their_cell() -> None:
    """An address over two lines is one cell."""
    assert read('Phone,Address\n1,"1 Main St\r\nSpringfield"\n2,x\n')[0]["Address"] == "1 Main St\nSpringfield"


def test_spreadsheet_cells_become_text() -> None:
    """Numbers without .0, dates as ISO 8601, nothing as nothing."""
    day, moment = date(2026, 11, 20), datetime(2026, 11, 20, 15, 30)
    cells: list[object] = [15551234567.0, 15551234567, 12.5, day, moment, time(9, 5), True, None, " x ", "=1+1"]
    columns: list[object] = [f"c{n}" for n in range(len(cells))]
    [row] = read(workbook(columns, cells))
    assert list(row.values()) == [
        "15551234567", "15551234567", "12.5", "2026-11-20", "2026-11-20T15:30:00", "09:05:00", "TRUE", "", "x", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n \n,,\n", "is empty"),
        (b"2125550101,Ann\n2125550102,Bo\n", "must name the columns"),
        (b"%PDF-1.7\n\0\0\0", "not a table of text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "old or locked"),
        (b"PK\x03\x04 not a workbook", "cannot be read as a workbook"),
        (workbook(["Phone"], ["1"])[:-200], "cannot be read as a workbook"),
        (b"Phone,Name\n1,a\n2,\"" + b"x" * 200_000, "In line 3 a quotation mark is missing"),
        (b"Phone,Name\n1,a\n2,\"" + b"x\n" * 51, "In line 3 a quotation mark is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_to_do(content: bytes, sentence: str) -> None:
    """One sentence, and no other exception."""
    with pytest.raises(AudienceProblem, match=sentence):
        read(content)


def test_a_zip_that_is_no_workbook_is_refused() -> None:
    """Any zip archive begins like a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(AudienceProblem, match="cannot be read as a workbook"):
        read(out.getvalue())


def test_a_bomb_is_not_unpacked() -> None:
    """A megabyte that unpacks to a gigabyte is refused by the sizes it declares."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 30_000_000)
    with pytest.raises(AudienceProblem, match="unpacks to more"):
        read(out.getvalue(), max_bytes=1_000_000)


@pytest.mark.parametrize(("rows", "fits"), [(2, True), (3, True), (4, False)])
def test_limits(rows: int, fits: bool) -> None:
    """Rows, columns and bytes at n-1, n and n+1."""
    text = "Phone\n" + "1\n" * rows
    wide = ",".join("abcd"[:rows]) + "\n"
    for content, limit in [(text, {"max_rows": 3}), (wide, {"max_columns": 3}), ("P\n" + "1" * rows, {"max_bytes": 5})]:
        if fits:
            read(content, **limit)
        else:
            with pytest.raises(AudienceProblem):
                read(content, **limit)


def test_the_stream_stays_open_and_need_not_rewind(tmp_path: Path) -> None:
    """The caller may hash the file afterwards; a pipe is copied first."""
    file = io.BytesIO(b"Phone\n1\n")
    list(open_table("x.csv", file).rows)
    assert file.read() == b""
    assert not file.closed

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError("a pipe cannot rewind")

    assert list(open_table("x.csv", Pipe(b"Phone\n1\n")).rows) == [{"Phone": "1"}]
    with pytest.raises(AudienceProblem, match="larger"):
        open_table("x.csv", Pipe(b"Phone\n" + b"1\n" * 2_000_000), max_bytes=1_000)


def test_rows_are_streamed() -> None:
    """Opening a long list reads its beginning only, and its end is never in memory with it."""
    import tracemalloc

    content = b"Phone,Name\n" + b"+12125550101,Ann Lee\n" * 200_000
    tracemalloc.start()
    table = open_table("x.csv", io.BytesIO(content))
    count = sum(1 for _ in table.rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 5_000_000


BOOK = workbook(["Phone"], ["1"])
JUNK = st.one_of(
    st.binary(max_size=300),
    st.text('",;\t|\r\n \0aé1.+', max_size=300).map(str.encode),
    st.builds(lambda text: text.encode("utf-16"), st.text(st.characters(exclude_categories=("Cs",)), max_size=100)),
    st.builds(
        lambda at, byte: BOOK[:at] + bytes([byte]) + BOOK[at + 1 :], st.integers(4, len(BOOK)), st.integers(0, 255)
    ),
)


@given(JUNK)
@example(b"\xff\xfe\x00\xd8")
@example(b'"')
def test_junk_is_a_list_or_a_problem(content: bytes) -> None:
    """Whatever the bytes: rows that have every column, or AudienceProblem."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            table = opened(content)
            rows = list(table.rows)
        except AudienceProblem:
            return
    assert len(set(table.columns)) == len(table.columns)
    for row in rows:
        assert list(row) == table.columns
        assert not any("\0" in value or value != value.strip() for value in row.values())


def test_a_reader_may_outlive_its_stream() -> None:
    """Reading stops half-way, the file is closed, the reader goes last: nothing complains, also not where nobody listens."""
    with io.BytesIO(b"name,phone\nAnna,1\nBen,2\n") as stream:
        rows = iter(open_table("people.csv", stream).rows)
        assert next(rows)["name"] == "Anna"
    del rows
    gc.collect()
