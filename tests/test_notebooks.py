"""Every notebook runs from top to bottom on a database that the test makes, and is stored as it should be read."""

from __future__ import annotations

import ast
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import default

from analytics import charges, rates
from models.base import connect
from tests.conftest import NOW, seed_account
from tests.texts import text

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHOWS = {
    "00-tour": [
        "(Decimal('0.567600'), Decimal('0.567600'), Decimal('0.000000'))",
        "True",
    ]
}
"""Text that must be among a notebook's outputs: by hand, the sum of three times (0.0128 + 0.1370 + 0.0384 + 0.0010)."""


class ThisInterpreter(AsyncKernelManager):
    """Starts kernels with the interpreter that runs the tests, whatever kernels the machine has registered."""

    @default("kernel_spec_manager")
    def _only_our_own(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[], parent=self)


@pytest.fixture
def url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a small database: two months, three countries, failures, a price from Twilio; charges posted."""
    shutil.copy(sqlite_template, tmp_path / "small.db")
    database = connect(f"sqlite:///{tmp_path / 'small.db'}")
    with database.session() as session:
        account = seed_account(session)
        account.pumping_protection = True
        for days in (0, 1, 25):
            at = NOW - timedelta(days=days)
            text(session, account, at=at, twilio_price_u=12_800)
            text(session, account, "GB", 2, at=at)
            text(session, account, at=at, encoding="UCS-2", segments=3)
            text(session, account, at=at, status="failed", error_code=30007)
            text(session, account, "CA", at=at, status="failed", error_code=30450)
        rates.load(session, now=NOW, entered_by="test")
        charges.post(session, account_id=account.id, now=NOW)
        session.commit()
    database.engine.dispose()
    return f"sqlite:///{tmp_path / 'small.db'}"


def stored(path: Path) -> Any:
    """A notebook as it lies in the folder."""
    return nbformat.reads(path.read_text("utf-8"), as_version=4)  # type: ignore[no-untyped-call]


def executed(path: Path, url: str) -> list[Any]:
    """What a notebook shows when this very interpreter, wherever it lives, runs it on a database."""
    notebook = stored(path)
    place = {"metadata": {"path": str(FOLDER)}}
    client = NotebookClient(notebook, kernel_manager_class=ThisInterpreter, timeout=120, resources=place)
    client.execute(env={**os.environ, "PYTHONPATH": str(FOLDER.parent), "TEXTLEDGER_DATABASE_URL": url})
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def as_text(shown: list[Any]) -> str:
    """The plain text of what a notebook showed."""
    return "\n".join(output.get("data", {}).get("text/plain", "") for output in shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, url: str) -> None:
    """From top to bottom; a figure was drawn and its sums are those on paper."""
    shown = executed(path, url)
    assert not [output for output in shown if output.output_type == "error"]
    assert any("application/vnd.plotly.v1+json" in output.get("data", {}) for output in shown)
    plain = as_text(shown)
    for expected in SHOWS[path.stem]:
        assert expected in plain


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_to_be_read(path: Path) -> None:
    """Numbered, no saved outputs or counts, cells of at most seven lines, no functions: those belong in analytics."""
    assert re.fullmatch(r"\d\d-[a-z-]+", path.stem)
    cells = [cell for cell in stored(path).cells if cell.cell_type == "code"]
    assert cells
    for cell in cells:
        assert not cell.outputs
        assert cell.execution_count is None
        assert 1 <= len(cell.source.splitlines()) <= 7
        assert not [
            node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
