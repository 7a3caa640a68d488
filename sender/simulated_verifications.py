"""How the simulated Twilio takes in a toll-free verification, and where it stands."""

from datetime import datetime

from werkzeug.wrappers import Request

from sender.simulated_accounts import APPROVED, PENDING, REJECTED, REVIEWED, SimulatedAccount, SimulatedVerification
from sender.simulated_catalogue import MESSAGING, Shape, iso, number_of
from sender.simulated_errors import Refusal
from sender.simulated_network import new_sid

STATUSES = (PENDING, REVIEWED, APPROVED, REJECTED)
_REQUIRED = ("BusinessName", "BusinessWebsite", "NotificationEmail", "UseCaseCategories", "UseCaseSummary",
             "ProductionMessageSample", "OptInImageUrls", "OptInType", "MessageVolume", "TollfreePhoneNumberSid")  # fmt: skip
_LISTS = ("UseCaseCategories", "OptInImageUrls", "OptInKeywords")


def shape(account: SimulatedAccount, verification: SimulatedVerification) -> Shape:
    """A toll-free verification: what was sent in, and where it stands."""
    rejected = verification.status == REJECTED
    return {
        **verification.form,
        "sid": verification.sid,
        "account_sid": account.sid,
        "tollfree_phone_number_sid": verification.phone_sid,
        "tollfree_phone_number": verification.phone,
        "status": verification.status,
        "date_created": iso(verification.created),
        "date_updated": iso(verification.updated),
        "rejection_reason": verification.reason if rejected else None,
        "error_code": None,
        "edit_allowed": rejected,
        "edit_expiration": None,
        "url": f"{MESSAGING}/Tollfree/Verifications/{verification.sid}",
    }


def ask(account: SimulatedAccount, request: Request, now: datetime) -> SimulatedVerification:
    """Take in a verification request: it waits for review. Raises Refusal 20001 when a required field is missing."""
    form = request.form
    if any(not form.get(name) for name in _REQUIRED):
        raise Refusal(20001)
    number = number_of(account, form["TollfreePhoneNumberSid"])
    kept: Shape = {_snake(name): form.getlist(name) if name in _LISTS else form[name] for name in form}
    asked = SimulatedVerification(new_sid("HH"), number.phone, number.sid, PENDING, now, now, kept)
    number.verification = PENDING
    account.verifications.append(asked)
    return asked


def decide(account: SimulatedAccount, phone: str, status: str, now: datetime, *, reason: str | None = None) -> None:
    """Set where the verification of a toll-free number stands; raises ValueError for another word or number."""
    number = account.number(phone)
    if status not in STATUSES or number is None:
        raise ValueError("a verification needs one of the account's numbers and one of Twilio's four words")
    number.verification = status
    for asked in account.verifications:
        if asked.phone == phone:
            asked.status, asked.updated, asked.reason = status, now, reason


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
