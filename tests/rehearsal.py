"""A simulator that tests drive by hand: a clock that stands still, an in-process client, and every callback kept."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.test import Client, TestResponse

from sender.simulator import Behaviour, SimulatedAccount, SteppedClock, create_simulator

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SHORT_CODE = "12345"
TOLL_FREE = "+18005550199"
UNVERIFIED = "+18885550123"
LONG_CODE = "+12015550123"
PLAIN = "+12025550199"
"""A number whose ending means nothing: delivered."""
HOOK = "https://our.example/hooks/status?m=7&a=1"


@dataclass
class Letter:
    """One callback as our webhook would see it."""

    url: str
    headers: Mapping[str, str]
    form: dict[str, str]


@dataclass
class Rehearsal:
    """A simulator, the letters it posted (each answered with `answers`), and the account's credentials."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    accounts: tuple[SimulatedAccount, ...] = ()
    letters: list[Letter] = field(default_factory=list)
    answers: int = 204
    log_path: Path | None = None

    def __post_init__(self) -> None:
        self.clock = SteppedClock(START)
        self.simulator = create_simulator(
            self.behaviour, accounts=self.accounts, clock=self.clock, log_path=self.log_path, post=self._keep
        )
        self.account = self.simulator.account
        self.client = Client(self.simulator.wsgi_app)
        self.user, self.secret = self.account.sid, self.account.token

    def _keep(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.letters.append(Letter(url, headers, dict(parse_qsl(body.decode(), keep_blank_values=True))))
        if not self.answers:
            raise ConnectionRefusedError
        return self.answers

    def call(self, method: str, path: str, form: Mapping[str, Any] | None = None, **query: Any) -> TestResponse:
        """Any request with the account's credentials; a path that starts with / is taken as it is."""
        if not path.startswith("/"):
            path = f"/2010-04-01/Accounts/{self.account.sid}/{path}"
        token = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
        return self.client.open(path, method=method, data=form, query_string=query or None, headers=headers)

    def create(self, to: str = PLAIN, *, sender: str = SHORT_CODE, **form: Any) -> TestResponse:
        """Ask for a message; `sender` is a number or a service's SID."""
        asked = {"To": to, "Body": "Hello", "StatusCallback": HOOK}
        asked["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
        return self.call("POST", "Messages.json", {name: v for name, v in (asked | form).items() if v is not None})

    def send(self, to: str = PLAIN, *, sender: str = SHORT_CODE, **form: Any) -> str:
        """A message that is accepted; its SID."""
        response = self.create(to, sender=sender, **form)
        assert response.status_code == 201, response.text
        return str(response.json["sid"]) if response.json else ""

    def message(self, sid: str) -> dict[str, Any]:
        """The resource as it is now."""
        answer = self.call("GET", f"Messages/{sid}.json").json
        assert isinstance(answer, dict)
        return answer

    def step(self, seconds: float = 3600.0) -> None:
        """Let time pass."""
        self.simulator.schedule.step(seconds)

    def called_back(self, sid: str) -> list[str]:
        """The statuses posted for a message, in the order of their arrival."""
        return [letter.form["MessageStatus"] for letter in self.letters if letter.form["MessageSid"] == sid]
