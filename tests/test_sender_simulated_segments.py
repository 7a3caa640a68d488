"""Does the simulated provider count segments as carriers do?"""

from __future__ import annotations

import pytest

from sender.simulated_segments import count, encoding


@pytest.mark.parametrize(
    ("text", "kind", "segments"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("a" * 158 + "€", "GSM-7", 1),
        ("a" * 159 + "€", "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("€" * 152, "GSM-7", 2),
        ("€" * 153, "GSM-7", 3),
        ("é\n@[]", "GSM-7", 1),
        ("ê", "UCS-2", 1),
        ("“" * 70, "UCS-2", 1),
        ("“" * 71, "UCS-2", 2),
        ("“" * 134, "UCS-2", 2),
        ("“" * 135, "UCS-2", 3),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("😀" * 66, "UCS-2", 2),
        ("😀" * 67, "UCS-2", 3),
        ("“" * 66 + "😀" + "“" * 66, "UCS-2", 3),
    ],
)
def test_segments_are_packed(text: str, kind: str, segments: int) -> None:
    """160 or 70 alone, 153 or 67 a part, and no character is cut in two."""
    assert (encoding(text), count(text)) == (kind, segments)
