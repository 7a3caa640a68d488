"""Who the simulated Twilio knows: accounts with their numbers, messaging services and toll-free verifications."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

TOLL_FREE = ("800", "833", "844", "855", "866", "877", "888")
APPROVED = "TWILIO_APPROVED"
PENDING = "PENDING_REVIEW"
REVIEWED = "IN_REVIEW"
REJECTED = "TWILIO_REJECTED"


def made(prefix: str, *parts: str) -> str:
    """A SID of Twilio's form (prefix + 32 hex digits) that is always the same for the same parts."""
    digest = hashlib.sha256("|".join((prefix, *parts)).encode()).hexdigest()
    return prefix + digest[:32]


def kind_of(sender: str) -> str:
    """`shortcode`, `tollfree`, `longcode` or `alphanumeric`, read from how the sender is written."""
    if not sender.removeprefix("+").isdigit():
        return "alphanumeric"
    if not sender.startswith("+"):
        return "shortcode"
    return "tollfree" if sender.startswith("+1") and sender[2:5] in TOLL_FREE else "longcode"


@dataclass(slots=True)
class SimulatedNumber:
    """A sender of an account: a short code (`12345`) or a number (`+18005550199`).

    `verification` matters to toll-free numbers only: unless it is `TWILIO_APPROVED`, their messages fail with 30032;
    any word that is not one of Twilio's four means that nobody asked for a verification.
    `free_at` is when its queue will be empty.
    """

    phone: str
    sms_url: str = ""
    name: str = ""
    mms: bool = True
    verification: str = APPROVED
    free_at: datetime | None = None

    @property
    def kind(self) -> str:
        """`shortcode`, `tollfree` or `longcode`."""
        return kind_of(self.phone)

    @property
    def sid(self) -> str:
        """`SC…` for a short code, `PN…` for a number."""
        return made("SC" if self.kind == "shortcode" else "PN", self.phone)


@dataclass(slots=True)
class SimulatedService:
    """A messaging service: a name and the phones of its pool, in order of preference."""

    name: str
    phones: list[str]
    status_callback: str = ""
    inbound_url: str = ""
    advanced_opt_out: bool = False
    smart_encoding: bool = False

    @property
    def sid(self) -> str:
        """`MG…`."""
        return made("MG", self.name)


@dataclass(slots=True)
class SimulatedVerification:
    """A toll-free verification: what was asked for, and the four words of its status."""

    sid: str
    phone: str
    phone_sid: str
    status: str
    created: datetime
    updated: datetime
    form: dict[str, object] = field(default_factory=dict)
    reason: str | None = None


@dataclass(slots=True)
class SimulatedAccount:
    """An account or subaccount with its credentials; SID and tokens follow from the name unless they are given.

    `test_sid` and `test_token` are its test credentials: magic numbers only, nothing stored.
    `api_keys` maps the SID of an API key (`SK…`) to its secret. `owner_sid` names the parent of a subaccount.
    `secondary` is a second token that signs in beside the first, as while one is being rotated; webhooks are signed with
    the first until `promote` puts the second in its place.
    """

    name: str = "Simulated organisation"
    numbers: list[SimulatedNumber] = field(default_factory=list)
    services: list[SimulatedService] = field(default_factory=list)
    sid: str = ""
    token: str = ""
    secondary: str = ""
    test_sid: str = ""
    test_token: str = ""
    api_keys: dict[str, str] = field(default_factory=dict)
    type: str = "Full"
    status: str = "active"
    owner_sid: str = ""
    pumping_protection: bool = False
    verifications: list[SimulatedVerification] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sid = self.sid or made("AC", self.name)
        self.token = self.token or made("", self.name, "token")
        self.test_sid = self.test_sid or made("AC", self.name, "test")
        self.test_token = self.test_token or made("", self.name, "test token")
        self.owner_sid = self.owner_sid or self.sid

    def knows(self, user: str, secret: str) -> bool:
        """Whether these live credentials sign in."""
        if user == self.sid:
            return bool(secret) and secret in (self.token, self.secondary)
        return user in self.api_keys and self.api_keys[user] == secret

    def promote(self) -> None:
        """Make the second token the first; the one before it signs in no more, from this moment."""
        self.token, self.secondary = self.secondary or self.token, ""

    def number(self, phone: str) -> SimulatedNumber | None:
        """The sender written `phone`, if the account owns it."""
        return next((number for number in self.numbers if number.phone == phone), None)

    def service(self, sid: str) -> SimulatedService | None:
        """The messaging service with this SID."""
        return next((service for service in self.services if service.sid == sid), None)

    def service_of(self, phone: str) -> SimulatedService | None:
        """The messaging service whose pool holds `phone`."""
        return next((service for service in self.services if phone in service.phones), None)


def demo_account() -> SimulatedAccount:
    """An organisation with a short code, an approved and an unverified toll-free number, and a service of two."""
    return SimulatedAccount(
        numbers=[
            SimulatedNumber("12345", name="Short code"),
            SimulatedNumber("+18005550199", name="Toll-free"),
            SimulatedNumber("+18885550123", name="Toll-free, waiting", verification=PENDING),
            SimulatedNumber("+12015550123", name="Long code"),
        ],
        services=[SimulatedService("Members", ["+18005550199", "+12015550123"])],
    )
