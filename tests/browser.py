"""A real browser on a real server: any complaint of the page, any request to elsewhere and any barrier is an error."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SHOTS = Path(__file__).parent / "shots"
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def chromium() -> str:
    """The browser that the system has; without one the test fails and says how to get it."""
    found = next((path for path in map(shutil.which, NAMES) if path), None) or (str(MACS) if MACS.exists() else None)
    if found is None:
        pytest.fail("No Chromium is installed: run `make test`, which installs it on Debian, or install Chrome.")
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=ARGS)
        yield browser
        browser.close()


def in_one_go(app: Flask) -> WSGIApplication:
    """The app, its answers read whole: Werkzeug's server leaves a file open when a browser goes away in the middle of it."""
    return lambda environ, start_response: Response.from_app(app, environ, buffered=True)(environ, start_response)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The app on a port of this machine; its address."""
    server = make_server("127.0.0.1", 0, in_one_go(app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Sheet:
    """A page under watch."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of ours."""
        self.page.goto(self.base + path)
        return self.page

    def watch(self) -> None:
        """Note console errors (the policy's refusals among them), exceptions, failed and foreign requests."""
        note, host = self.complaints.append, urlsplit(self.base).netloc
        self.page.on("console", lambda m: note(f"console: {m.text}") if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: note(f"exception: {error}"))
        self.page.on("request", lambda r: note(f"outside: {r.url}") if not ours(r.url, host) else None)
        self.page.on("response", lambda r: note(f"{r.status}: {r.url}") if r.status >= 500 else None)

    def barriers(self) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA: rule and element."""
        self.page.evaluate(axe_source())
        found: dict[str, Any] = self.page.evaluate("tags => axe.run(document, {runOnly: tags})", TAGS)
        return [
            f"{rule['id']}: {node['target']} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def theme(self, name: str) -> None:
        """Light or dark, with the button that people use; by what it remembers, on a page that has none."""
        self.page.wait_for_load_state()  # a page that a click has just asked for is empty at first
        if self.page.evaluate("document.documentElement.dataset.theme") == name:
            return
        if self.page.query_selector("[data-theme-toggle]"):
            self.page.evaluate("document.querySelector('[data-theme-toggle]').click()")
            return
        self.page.evaluate("name => localStorage.setItem('theme', name)", name)
        self.page.reload()

    def shot(self, name: str) -> None:
        """A picture of the whole page in tests/shots."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def settle(self) -> None:
        """Until nothing moves or loads."""
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")


def ours(url: str, host: str) -> bool:
    """Whether a request stays with the server under test."""
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about") or parts.netloc == host


def axe_source() -> str:
    """The text of axe-core, from the package that ships it."""
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@contextmanager
def sheet(context: BrowserContext, base: str) -> Iterator[Sheet]:
    """A watched page that must not complain."""
    found = Sheet(context.new_page(), base)
    found.watch()
    yield found
    found.page.close()
    assert not found.complaints, found.complaints
