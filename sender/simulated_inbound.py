"""How a text reaches one of our numbers in the simulated network: key words, opt-outs, and the post to our webhook.

An opt-out covers the messaging service that holds the number, else the number alone. A toll-free number re-opens on
fewer words than others: YES is not one of them.
"""

from collections.abc import Mapping

from sender.simulated_accounts import SimulatedAccount, SimulatedNumber, kind_of
from sender.simulated_behaviour import Behaviour
from sender.simulated_callbacks import Postman
from sender.simulated_errors import Refusal
from sender.simulated_ledger import Ledger
from sender.simulated_network import new_sid
from sender.simulated_prices import country
from sender.simulated_schedule import Schedule
from sender.simulated_segments import count
from sender.simulated_store import SimulatedMessage, Store


class Inbox:
    """Receives texts for the accounts' numbers and passes them on."""

    def __init__(
        self, store: Store, schedule: Schedule, behaviour: Behaviour, postman: Postman, ledger: Ledger
    ) -> None:
        self._store = store
        self._schedule = schedule
        self._behaviour = behaviour
        self._postman = postman
        self._ledger = ledger

    def receive(self, from_: str, to: str, body: str, *, media: tuple[str, ...] = ()) -> SimulatedMessage:
        """A phone texts one of our numbers; raises Refusal 21211 when nobody owns `to`."""
        account, number = self._owner(to)
        service = account.service_of(to)
        now = self._schedule.clock()
        segments = 1 if media else count(body)
        message = SimulatedMessage(
            sid=new_sid("MM" if media else "SM"), account_sid=account.sid, to=to, from_=from_, body=body,
            direction="inbound", status="received", created=now, updated=now, sent=now, segments=segments,
            shown_segments=segments, media=media, service_sid=service.sid if service else None,
        )  # fmt: skip
        word = self.keyword(body, kind_of(to))
        with self._store.lock:
            self._note(word, (service.sid if service else to, from_))
            self._ledger.received(account, message)
            self._store.add(message)
        url = service.inbound_url if service and service.inbound_url else number.sms_url
        if url:
            params = inbound_params(message, word if service and service.advanced_opt_out else "")
            self._postman.send(message.sid, url, params, lambda: account.token, delays=[0.0])
        return message

    def reply(self, message: SimulatedMessage) -> None:
        """The recipient of an outbound message answers it, if its sender can be answered at all."""
        if kind_of(message.from_ or "") != "alphanumeric":
            self.receive(message.to, message.from_ or "", message.fate.reply)

    def keyword(self, body: str, sender_kind: str) -> str:
        """`STOP`, `START`, `HELP` or nothing: only a message that is the single word counts."""
        word = body.strip().upper()
        starts = self._behaviour.tollfree_start_words if sender_kind == "tollfree" else self._behaviour.start_words
        if word in self._behaviour.stop_words:
            return "STOP"
        if word in starts:
            return "START"
        return "HELP" if word in self._behaviour.help_words else ""

    def _note(self, word: str, scope: tuple[str, str]) -> None:
        if word == "STOP":
            self._store.opt_outs.add(scope)
        elif word == "START":
            self._store.opt_outs.discard(scope)

    def _owner(self, to: str) -> tuple[SimulatedAccount, SimulatedNumber]:
        for account in self._store.accounts.values():
            number = account.number(to)
            if number is not None:
                return account, number
        raise Refusal(21211)


def inbound_params(message: SimulatedMessage, opt_out_type: str) -> Mapping[str, str]:
    """The form of an inbound webhook; places are known by country only."""
    params = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "AccountSid": message.account_sid,
        "ApiVersion": "2010-04-01",
        "SmsStatus": "received",
        "From": message.from_ or "",
        "To": message.to,
        "Body": message.body,
        "NumMedia": str(len(message.media)),
        "NumSegments": str(message.segments),
    }
    for side, phone in (("From", message.from_ or ""), ("To", message.to)):
        params |= {f"{side}City": "", f"{side}State": "", f"{side}Zip": "", f"{side}Country": _place(phone)}
    for number, url in enumerate(message.media):
        params |= {f"MediaUrl{number}": url, f"MediaContentType{number}": "image/jpeg"}
    if message.service_sid:
        params["MessagingServiceSid"] = message.service_sid
    if opt_out_type:
        params["OptOutType"] = opt_out_type
    return params


def _place(phone: str) -> str:
    known = country(phone) if phone.startswith("+") else "US"
    return "" if known == "*" else known
