"""How is a failure logged without what it holds? By its kind alone: its text and its traceback may have numbers and bodies."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def logged(sentence: str) -> Iterator[None]:
    """Log a failure without its parameters, which may hold numbers and bodies, and go on."""
    try:
        yield
    except Exception as error:
        log.error("%s: %s", sentence, type(error).__name__)  # noqa: TRY400 (a traceback may hold a number)
