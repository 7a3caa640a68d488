"""Where may a request of an account go? One rule for every transport: what is in test mode never reaches the live Twilio.

Three destinations exist. A live account's requests go to Twilio over TLS and nowhere else. With an address in Twilio's place (a
simulator's) they go there and nowhere else. A test account's go to that simulator; without one, the single request that Twilio
offers to test credentials is left: posting a text under the test SID, which Twilio neither stores, sends nor bills.

The rule is asked for each request, after the address is final and before a socket is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from sender.gateway_errors import Rejected

API = "api.twilio.com"
TEST_ONLY = 20008
"""Twilio's own code for what test credentials cannot do; ours for what is not even asked."""


def permitted(method: str, url: str, *, base_url: str | None, account_sid: str, test_mode: bool) -> bool:
    """Whether a request may leave. `account_sid` is the SID that signs in: in test mode that of the test credentials."""
    place = urlsplit(url)
    if base_url:
        there = urlsplit(base_url)
        in_place = (place.scheme, place.netloc) == (there.scheme, there.netloc)
        return in_place and not (test_mode and _is_twilio(place))
    if place.scheme != "https" or not _is_twilio(place) or place.port not in {None, 443} or place.username is not None:
        return False
    text = ("POST", API, f"/2010-04-01/Accounts/{account_sid}/Messages.json", "")
    return not test_mode or (method.upper(), place.hostname, place.path, place.query) == text


def _is_twilio(place: SplitResult) -> bool:
    return f".{place.hostname or ''}".endswith(".twilio.com")


@dataclass(frozen=True)
class Destination:
    """Where the requests of one gateway go."""

    base_url: str | None
    account_sid: str
    test_mode: bool = False

    def address(self, method: str, url: str) -> str:
        """The address to ask instead of `url`, which is one of Twilio's; raises Rejected for what may not be asked."""
        if self.base_url:
            there = urlsplit(self.base_url)
            url = urlunsplit(urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc))
        if not permitted(method, url, base_url=self.base_url, account_sid=self.account_sid, test_mode=self.test_mode):
            raise Rejected(TEST_ONLY if self.test_mode else None, self.refusal, 403, stops_run=method.upper() == "POST")
        return url

    @property
    def refusal(self) -> str:
        """Why a request did not leave, as a sentence."""
        if self.test_mode:
            return "This account is in test mode, so the live Twilio was not asked."
        return "This address is not Twilio's, so nothing was asked of it."
