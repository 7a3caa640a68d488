"""What do the console's icons look like? Line drawings on a 24-unit grid, drawn inline so that they take the text's colour."""

from __future__ import annotations

from markupsafe import Markup

PATHS = {
    "alert": "M12 4 21 19.5H3Z M12 10v4 M12 16.8v.2",
    "archive": "M4 5h16v4H4Z M5.5 9v10h13V9 M10 13h4",
    "ban": "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z M6 6l12 12",
    "bars": "M5 20v-7 M12 20V4 M19 20v-11",
    "building": "M5 21V4h10v17 M15 9h4v12 M3 21h18 M8.5 8h3 M8.5 12h3 M8.5 16h3",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "chevron-down": "M6 9.5l6 6 6-6",
    "chevron-up": "M6 14.5l6-6 6 6",
    "clock": "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z M12 7.5V12l3 2",
    "copy": "M9 9h11v11H9Z M15 9V4H4v11h5",
    "dots": "M6 12h.01 M12 12h.01 M18 12h.01",
    "download": "M12 4v11 M7.5 10.5 12 15l4.5-4.5 M5 20h14",
    "edit": "M4 20h4L19 9l-4-4L4 16Z M13.5 6.5l4 4",
    "file": "M6 3.5h8l4.5 4.5v12.5H6Z M14 3.5V8h4.5",
    "filter": "M4 6.5h16 M7 12h10 M10 17.5h4",
    "globe": "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z M3.5 12h17 M12 3.5c5.5 5 5.5 12 0 17 M12 3.5c-5.5 5-5.5 12 0 17",
    "inbox": "M4 13l3-8h10l3 8v6H4Z M4 13h5l1 2.5h4l1-2.5h5",
    "info": "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z M12 11v5 M12 8v.2",
    "key": "M14.5 3.5a6 6 0 1 0 .01 12 6 6 0 0 0 0-12Z M10.2 13.8 4 20 M6.5 17.5l2 2",
    "list": "M8.5 6.5H20 M8.5 12H20 M8.5 17.5H20 M4.5 6.5h.01 M4.5 12h.01 M4.5 17.5h.01",
    "logout": "M14 4.5H5v15h9 M10 12h10 M16.5 8.5 20 12l-3.5 3.5",
    "menu": "M4 7h16 M4 12h16 M4 17h16",
    "message": "M4 5h16v11.5h-9L7 20v-3.5H4Z",
    "money": "M3.5 6.5h17v11h-17Z M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z M6.5 12h.01 M17.5 12h.01",
    "moon": "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
    "pause": "M8.5 5v14 M15.5 5v14",
    "people": (
        "M9 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z M2.5 20c0-3.5 3-5.5 6.5-5.5s6.5 2 6.5 5.5 "
        "M16 5a3.5 3.5 0 0 1 0 6 M18 15c2 1 3.5 2.5 3.5 5"
    ),
    "phone": "M8 2.5h8v19H8Z M11 18.5h2",
    "play": "M7 4.5l12 7.5-12 7.5Z",
    "plus": "M12 5v14 M5 12h14",
    "repeat": "M4 11a7.5 7.5 0 0 1 13-4.5L20 9.5 M20 4.5v5h-5 M20 13a7.5 7.5 0 0 1-13 4.5L4 14.5 M4 19.5v-5h5",
    "search": "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Z M15.5 15.5 20.5 20.5",
    "send": "M20.5 3.5 3.5 10.5l6.5 3 3 6.5Z M10 13.5l4-4",
    "shield": "M12 3l7.5 3v5.5c0 4.5-3 7.5-7.5 9.5-4.5-2-7.5-5-7.5-9.5V6Z M9 12l2 2 4-4",
    "switch": "M4 8.5h15 M15.5 5 19 8.5 15.5 12 M20 16H5 M8.5 12.5 5 16l3.5 3.5",
    "trash": "M4.5 6.5h15 M9.5 6V3.5h5V6 M6.5 6.5l1 14h9l1-14 M10.5 10.5v6 M13.5 10.5v6",
    "user": "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z M4.5 20.5c.5-4 3.5-6 7.5-6s7 2 7.5 6",
    "x": "M6 6l12 12 M18 6 6 18",
}  # fmt: skip
"""Name → path data; sub-paths begin with M."""

LOGO = Markup(
    '<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="2.4" '
    'stroke-linecap="round" stroke-linejoin="round"><path d="M5 5h22v17H14l-6 5v-5H5Z"/>'
    '<path d="M10.5 11h11 M10.5 16h6"/><path d="M20.5 16h1"/></svg>'
)
"""A speech bubble that holds a ledger's lines."""


def icon(name: str) -> Markup:
    """The icon as inline SVG, hidden from screen readers: the words beside it say what it means."""
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
    ).format(PATHS[name])
