"""Did this person show only a moment ago that it is them? Asked before what cannot be undone."""

from __future__ import annotations

from datetime import timedelta

from flask import redirect, url_for
from flask_security.utils import check_and_update_authn_fresh
from werkzeug.wrappers import Response

FRESH = timedelta(minutes=15)
"""How long a sign-in counts as fresh, and how long each such page prolongs that."""


def stale(back: str) -> Response | None:
    """The way to the page that asks for the password once more and then leads `back`; None for whoever signed in just now."""
    if check_and_update_authn_fresh(FRESH, FRESH, "session"):
        return None
    return redirect(url_for("security.verify", next=back))
