"""Is what someone typed read as what they meant?"""

from __future__ import annotations

import pytest

from admin.views.search import looks_like_phone


@pytest.mark.parametrize(
    ("text", "is_phone"),
    [
        ("+12125550111", True), ("(212) 555-0111", True), ("212.555", True), ("212", True), ("21", False), ("+1", False),
        ("", False),
        ("M00123", False), ("Anna", False), ("12 Main St", False), ("SM0123456789", False), ("212\u00a0555", True),
    ],
)  # fmt: skip
def test_a_number_is_told_from_a_name(text: str, is_phone: bool) -> None:
    """At least three digits, and nothing that no phone number has."""
    assert looks_like_phone(text) is is_phone
