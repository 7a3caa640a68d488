"""Is an upload a picture that may be shown to everybody? PNG or JPEG by what it holds, whole, and within bounds."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

LARGEST = 5_000_000
"""Bytes."""
WIDEST = 10_000
"""Pixels of either side."""
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}


class NotAPicture(Exception):
    """The upload cannot be kept; the message is a sentence that says what to do."""


def read(stream: BinaryIO) -> tuple[bytes, str]:
    """The picture's bytes and its media type; raises NotAPicture. The name of the file counts for nothing."""
    held = stream.read(LARGEST + 1)
    if len(held) > LARGEST:
        raise NotAPicture(f"The picture is larger than {LARGEST // 1_000_000} MB; save it smaller.")
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(held), formats=list(TYPES)) as image:
            warnings.simplefilter("error")  # of a picture that unpacks to far more than it seems
            kind, size = image.format or "", image.size
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning) as error:
        raise NotAPicture("This is no whole PNG or JPEG; take the screenshot again and save it as PNG.") from error
    if max(size) > WIDEST or min(size) < 50:
        raise NotAPicture(f"A screenshot is at least 50 and at most {WIDEST:,} pixels wide and high.")
    return held, TYPES[kind]
