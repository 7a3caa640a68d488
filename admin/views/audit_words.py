"""How does an audit entry read? The action as a verb and a noun, each change as before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from admin.formatters import words
from models.users import AuditEntry

VERBS = {
    "create": "Created", "edit": "Changed", "delete": "Deleted", "export": "Exported", "send": "Sent", "schedule": "Scheduled",
    "opt_out": "Unsubscribed", "re_subscribe": "Re-subscribed", "release": "Released", "deactivate": "Deactivated",
    "activate": "Activated", "reset_password": "Reset the password of", "remove": "Removed from the account",
    "link": "Linked", "link_test": "Kept test credentials of", "forget_token": "Forgot the former token of",
    "mode": "Changed the mode of",
    "invite": "Gave access to", "pause": "Paused", "resume": "Resumed", "cancel": "Cancelled", "archive": "Archived",
    "run": "Asked for", "caps": "Changed the frequency caps of", "erase": "Erased", "retain": "Let go what is old in",
    "retention": "Changed the retention of",
}  # fmt: skip
SUBJECTS = {"consent_event": "a number", "country_setting": "country", "audit_entry": "audit log"}


def said(entry: AuditEntry) -> str:
    """The action in words: "Changed contact"."""
    kind, _, verb = entry.action.partition(":")
    about = SUBJECTS.get(entry.subject_kind) or entry.subject_kind.replace("_", " ") or kind
    return f"{VERBS.get(verb, words(verb))} {about}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(field, before, after) in words, in order."""
    names = list(dict.fromkeys([*before, *after]))
    return [(words(name), _text(before.get(name)), _text(after.get(name))) for name in names]


def _text(value: Any) -> str:
    if value is None or value == "" or value == {} or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def line(name: str, before: str, after: str) -> Markup:
    """One change in one line, shortened."""
    was = Markup('<span class="was">{}</span> → ').format(_short(before)) if before else ""
    return Markup("<span>{}: {}{}</span>").format(name, was, _short(after) or "empty")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
