"""How the simulated Twilio says no: one exception and the sentence of each code.

The codes and their meanings follow Twilio's public error dictionary; the sentences are ours. 20008, 20404 and 21620 to
21623 are approximate.
"""

from http import HTTPStatus

SENTENCES = {
    20001: "A parameter has a value that cannot be read.",
    20003: "Authentication failed: the account SID and the token do not match.",
    20004: "This method is not allowed on this resource.",
    20008: "Test credentials cannot use this resource.",
    20404: "The requested resource was not found.",
    20429: "Too many requests at once: this one was not processed.",
    20500: "An internal error happened.",
    21211: "The 'To' number is not a valid phone number.",
    21212: "The 'From' number is not a valid phone number.",
    21408: "Sending to this region is not enabled for this account.",
    21602: "A message needs a body or media.",
    21603: "A message needs a 'From' number or a messaging service.",
    21604: "A message needs a 'To' number.",
    21606: "The 'From' number cannot send text messages to this destination.",
    21609: "The 'StatusCallback' address is not valid.",
    21610: "The recipient has opted out of messages from this sender.",
    21611: "The queue of the 'From' number is full.",
    21612: "The 'To' number cannot be reached from this 'From' number.",
    21614: "The 'To' number is not a mobile number.",
    21617: "The body is longer than 1600 characters.",
    21620: "A media URL is not valid.",
    21621: "The 'From' number cannot send media.",
    21623: "A message takes at most ten media.",
    21703: "The messaging service has no sender that can be used.",
    30001: "The queue overflowed.",
    30003: "The handset cannot be reached.",
    30004: "The message was blocked.",
    30005: "The number is unknown or inactive.",
    30006: "The number is a landline or its carrier cannot be reached.",
    30007: "The message was filtered.",
    30008: "The carrier reported an unknown error.",
    30017: "The carrier is congested.",
    30022: "The carrier's rate for this sender was exceeded.",
    30032: "The toll-free number is not verified.",
    30036: "The validity period ended before the message could be sent.",
    30045: "ValidityPeriod must lie between 1 and 36000 seconds.",
    30409: "Only a scheduled message can be canceled.",
    30450: "The message was blocked by SMS pumping protection.",
    35114: "SendAt must lie more than 300 seconds and at most 35 days ahead.",
    35118: "Scheduling needs a messaging service.",
    90010: "The account is not active.",
}


class Refusal(Exception):
    """A request that the simulated Twilio answers with an error instead of a resource.

    `code` is Twilio's code (five digits), `status` the HTTP status.
    """

    def __init__(self, code: int, *, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


def sentence(code: int | None) -> str | None:
    """The sentence of a code, or None for no code and for one we do not know."""
    return None if code is None else SENTENCES.get(code)


def shape(refusal: Refusal) -> dict[str, object]:
    """The JSON body of an error: `code`, `message`, `more_info` and the HTTP `status`, as Twilio answers it."""
    return {
        "code": refusal.code,
        "message": sentence(refusal.code) or "The request was refused.",
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": int(refusal.status),
    }
