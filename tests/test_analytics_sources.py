"""Opening: for reading only, from a URL, a path or a database; every wrong source gets one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import analytics as an
from models.accounts import Account
from models.base import Database, connect
from tests.conftest import NOW
from tests.texts import text


def test_a_database_opens_by_url_and_by_itself(
    session: Session, account: Account, database: Database, database_url: str
) -> None:
    """Both see what was committed and nothing that was not."""
    text(session, account)
    session.commit()
    text(session, account)
    session.flush()
    for source in (database, database_url):
        assert an.usage(an.open(source), by=()).messages.tolist() == [1]


def test_nothing_can_be_written(session: Session, account: Account, database: Database, database_url: str) -> None:
    """Not even with one's own SQL; and afterwards the program itself still can."""
    session.rollback()
    for source in (database, database_url):
        with pytest.raises(DBAPIError):
            an.open(source).sql("DELETE FROM message")
    text(session, account)
    session.commit()


def test_a_path_opens_too(sqlite_template: Path) -> None:
    """As text or as a path."""
    for source in (sqlite_template, str(sqlite_template)):
        assert an.usage(an.open(source)).empty


def test_a_file_with_marks_in_its_name_opens(sqlite_template: Path, tmp_path: Path) -> None:
    """A question mark or a percent sign in a file name is part of the name."""
    odd = tmp_path / "what?100%.db"
    odd.write_bytes(sqlite_template.read_bytes())
    assert an.open(odd).as_of() is None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("sqlite:///nowhere/at/all.db", "There is no database file nowhere/at/all.db: check the path"),
        ("no-such-file.db", "There is no database file no-such-file.db"),
        ("postgresql://localhost:1/x?connect_timeout=2", "cannot be read"),
        ("mysql://localhost/x", "Textledger reads SQLite and PostgreSQL, not mysql."),
        ("sq-lite://x", "no database address"),
    ],
)
def test_a_wrong_source_gets_one_sentence(source: str, sentence: str) -> None:
    """It says what is wrong and ends with a full stop."""
    with pytest.raises(an.SourceProblem) as problem:
        an.open(source)
    assert sentence in str(problem.value)
    assert str(problem.value).endswith(".")
    assert "\n" not in str(problem.value)


def test_a_password_is_not_repeated() -> None:
    """Neither in the sentence nor in the source that frames carry."""
    with pytest.raises(an.SourceProblem) as problem:
        an.open("postgresql://me:hunter2@localhost:1/x?connect_timeout=2")
    assert "hunter2" not in str(problem.value)


def test_what_is_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    """A text file, an empty database, a database of an older program."""
    (tmp_path / "note.txt").write_text("Dear diary, " * 200)
    with pytest.raises(an.SourceProblem, match="cannot be read"):
        an.open(tmp_path / "note.txt")
    other = connect(f"sqlite:///{tmp_path / 'other.db'}")
    with other.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE x (y INTEGER)")
    with pytest.raises(an.SourceProblem, match="holds no Textledger tables"):
        an.open(tmp_path / "other.db")
    with other.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE message (id INTEGER)")
    with pytest.raises(an.SourceProblem, match="older than this program"):
        an.open(tmp_path / "other.db")
    other.engine.dispose()


def test_as_of_is_the_newest_message_or_what_was_given(session: Session, account: Account, database: Database) -> None:
    """Nothing reads the clock."""
    assert an.open(database).as_of() is None
    text(session, account)
    session.commit()
    assert an.open(database).as_of() == NOW
    assert an.open(database, now=NOW.replace(year=2027)).as_of() == NOW.replace(year=2027)


def test_own_sql_takes_values(session: Session, account: Account, database: Database) -> None:
    """Values are bound by name, never pasted into the text."""
    text(session, account, region="GB")
    session.commit()
    frame = an.open(database).sql("SELECT region, count(*) AS n FROM message WHERE region = :r GROUP BY region", r="GB")
    assert frame.to_dict("records") == [{"region": "GB", "n": 1}]


def test_importing_the_package_loads_nothing_heavy() -> None:
    """A web worker that imports `analytics` does not pay for pandas, Plotly, DuckDB, Arrow or even SQLAlchemy."""
    code = "import analytics, sys; print(sorted({'pandas','plotly','duckdb','pyarrow','numpy','sqlalchemy'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_pricing_and_folding_load_no_frames() -> None:
    """The worker's part of the analytics runs without pandas, Arrow or Plotly."""
    code = (
        "import analytics.charges, analytics.rates, analytics.rollups, analytics.forecast, sys;"
        "print(sorted({'pandas','plotly','duckdb','pyarrow','numpy'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_function_usage_stays_in_front_of_its_module() -> None:
    """`an.usage` is the function however the module was imported first; other names and a typing error are told apart."""
    code = "import analytics.usage, analytics as an; print(callable(an.usage), an.usage.__module__, 'usage' in dir(an))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "True analytics.usage True"
    with pytest.raises(AttributeError, match="it has Deliveries"):
        an.usgae  # noqa: B018
