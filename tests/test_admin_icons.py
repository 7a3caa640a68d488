"""Are the icons well-formed, and does every page ask for one that exists?"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from admin.icons import LOGO, PATHS, icon

ROOT = Path(__file__).parents[1] / "admin"
USED = re.compile(r'icon\("([a-z-]+)"|menu_icon_value="([a-z-]+)"|icon="([a-z-]+)"')


@pytest.mark.parametrize("name", PATHS)
def test_an_icon_is_valid_and_silent(name: str) -> None:
    """One path in one SVG that a screen reader passes over."""
    drawn = ElementTree.fromstring(icon(name))
    assert drawn.attrib["aria-hidden"] == "true"
    assert re.fullmatch(r"[MmLlHhVvCcSsAaZz0-9 .,-]+", PATHS[name])


def test_every_icon_that_is_asked_for_exists() -> None:
    """Templates and views name no icon that is not drawn."""
    files = [*ROOT.rglob("*.html"), *ROOT.rglob("*.py")]
    asked = {
        name for file in files for found in USED.findall(file.read_text(encoding="utf-8")) for name in found if name
    }
    assert asked <= set(PATHS), asked - set(PATHS)
    assert len(asked) > 10


def test_the_logo_is_valid() -> None:
    """It is drawn inline on every page."""
    assert ElementTree.fromstring(LOGO).tag == "svg"
