"""What Twilio's test credentials answer: the magic numbers, and a message that nobody stores, sends or calls back."""

from datetime import datetime

from werkzeug.wrappers import Request

from sender.simulated_accounts import SimulatedAccount
from sender.simulated_errors import Refusal
from sender.simulated_messages import shape
from sender.simulated_network import new_sid
from sender.simulated_segments import count
from sender.simulated_store import SimulatedMessage

ACCEPTED_FROM = "+15005550006"
REFUSED_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
REFUSED_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}


def magic(account: SimulatedAccount, request: Request, now: datetime) -> dict[str, object]:
    """The resource of a message that was never sent; raises the Refusal of a magic number."""
    form = request.form
    from_, to, body = form.get("From", ""), form.get("To", ""), form.get("Body", "")
    if not from_:
        raise Refusal(21603)
    if from_ != ACCEPTED_FROM:
        raise Refusal(REFUSED_FROM.get(from_, 21606))
    if not to:
        raise Refusal(21604)
    if to in REFUSED_TO:
        raise Refusal(REFUSED_TO[to])
    if not body and not form.getlist("MediaUrl"):
        raise Refusal(21602)
    if len(body) > 1600:
        raise Refusal(21617)
    segments = count(body)
    return shape(
        SimulatedMessage(
            sid=new_sid("SM"), account_sid=account.test_sid, to=to, from_=from_, body=body, direction="outbound-api",
            status="queued", created=now, updated=now, segments=segments, shown_segments=segments,
        )
    )  # fmt: skip
