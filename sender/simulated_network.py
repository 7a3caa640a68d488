"""The life of a message in the simulated network: queue, carrier, receipt, price, and the answer of its recipient."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from sender.simulated_accounts import APPROVED, SimulatedAccount, SimulatedNumber, SimulatedService, kind_of
from sender.simulated_behaviour import ENDINGS, Behaviour, callback_delays, fate
from sender.simulated_callbacks import Postman
from sender.simulated_schedule import Schedule
from sender.simulated_store import SimulatedMessage, Store

CALLED_BACK = frozenset({"queued", "sent", "failed", "delivered", "undelivered", "canceled"})


class Meter(Protocol):
    """What the network tells about money: see `simulated_ledger.Ledger`."""

    def sent(self, account: SimulatedAccount, message: SimulatedMessage) -> None: ...
    def failed(self, account: SimulatedAccount, message: SimulatedMessage) -> None: ...
    def price(self, message: SimulatedMessage) -> None: ...


Answer = Callable[[SimulatedMessage], None]
"""What happens when the recipient of a message answers it."""


class Network:
    """Takes accepted messages and does, as time passes, what Twilio and the carriers would do with them."""

    def __init__(
        self, store: Store, schedule: Schedule, behaviour: Behaviour, postman: Postman, meter: Meter, answer: Answer
    ) -> None:
        self.store = store
        self.schedule = schedule
        self.behaviour = behaviour
        self._postman = postman
        self._meter = meter
        self._answer = answer

    def submit(self, message: SimulatedMessage) -> SimulatedMessage:
        """Store an accepted message and set it on its way; answers it in its first status."""
        with self.store.lock:
            message.fate = fate(self.behaviour, message.to, self.store.sent_to[message.to])
            self.store.add(message)
            message.history.append((message.status, message.created))
            if message.send_at is not None:
                self.schedule.at(message.send_at, lambda: self._release(message))
            elif message.status == "accepted":
                self.schedule.after(0.0, lambda: self._release(message))
            else:
                self._enqueue(message)
        return message

    def cancel(self, message: SimulatedMessage) -> bool:
        """Cancel a message that is still scheduled; False when it has left that state."""
        with self.store.lock:
            if message.status != "scheduled":
                return False
            self._move(message, "canceled")
        return True

    def first_fault(self, to: str) -> str:
        """The fault that a number's ending calls for, until one request to it was answered or stored."""
        planned = ENDINGS.get(to[-4:])
        if planned is None or not planned.fault or to in self.store.faulted:
            return ""
        self.store.faulted.add(to)
        return planned.fault

    def queue_left(self, account: SimulatedAccount, phone: str) -> float:
        """Simulated seconds until the queue of a sender is empty."""
        number = account.number(phone)
        if number is None or number.free_at is None:
            return 0.0
        return max(0.0, (number.free_at - self.schedule.clock()).total_seconds() * self.schedule.speed)

    def _account(self, message: SimulatedMessage) -> SimulatedAccount:
        return self.store.accounts[message.account_sid]

    def _release(self, message: SimulatedMessage) -> None:
        """A service chooses the sender; a scheduled message has reached its time."""
        with self.store.lock:
            if message.status not in ("accepted", "scheduled"):
                return
            account = self._account(message)
            service = account.service(message.service_sid or "")
            if service is None or not service.phones:
                self._fail(message, 21703)
            elif (service.sid, message.to) in self.store.opt_outs:
                self._fail(message, 21610)
            else:
                message.from_ = self._choose(account, service, message.to)
                message.shown_segments = message.segments
                self._move(message, "queued")
                self._enqueue(message)

    def _choose(self, account: SimulatedAccount, service: SimulatedService, to: str) -> str:
        """The sender that wrote to this number before, else the one whose queue empties first."""
        for earlier in reversed(self.store.by_to.get(to, [])):
            if earlier.service_sid == service.sid and earlier.from_:
                return earlier.from_
        return min(service.phones, key=lambda phone: self.queue_left(account, phone))

    def _enqueue(self, message: SimulatedMessage) -> None:
        account = self._account(message)
        number = account.number(message.from_ or "") or SimulatedNumber(message.from_ or "")
        now = self.schedule.clock()
        start = max(now, number.free_at or now)
        wait = (start - now).total_seconds() * self.schedule.speed
        if wait > self.behaviour.queue_seconds:
            self.schedule.after(0.0, lambda: self._fail(message, 30001))
        elif wait > message.validity or message.fate.error_code == 30036:
            patience = message.validity if wait > message.validity else min(message.validity, 2)
            self.schedule.after(patience, lambda: self._fail(message, 30036))
        else:
            number.free_at = start + self._airtime(message)
            self.schedule.at(start, lambda: self._depart(message, number))

    def _airtime(self, message: SimulatedMessage) -> timedelta:
        rate = self.behaviour.mps.get(kind_of(message.from_ or ""), 1.0)
        return timedelta(seconds=message.segments / rate / self.schedule.speed)

    def _depart(self, message: SimulatedMessage, number: SimulatedNumber) -> None:
        with self.store.lock:
            self._move(message, "sending")
        code = message.fate.error_code
        if number.kind == "tollfree" and number.verification != APPROVED:
            code = 30032
        if code in self.behaviour.failed_codes:
            self.schedule.after(message.fate.send_seconds, lambda: self._fail(message, code))
        else:
            self.schedule.after(message.fate.send_seconds, lambda: self._sent(message))

    def _fail(self, message: SimulatedMessage, code: int | None) -> None:
        with self.store.lock:
            self._move(message, "failed", code=code)
            self._meter.failed(self._account(message), message)

    def _sent(self, message: SimulatedMessage) -> None:
        with self.store.lock:
            message.sent = self.schedule.clock()
            self._move(message, "sent")
            self._meter.sent(self._account(message), message)
        if message.fate.receipt:
            self.schedule.after(message.fate.delivery_seconds, lambda: self._receipt(message))
        if message.fate.price_seconds is not None:
            self.schedule.after(message.fate.price_seconds, lambda: self._meter.price(message))

    def _receipt(self, message: SimulatedMessage) -> None:
        code = message.fate.error_code
        with self.store.lock:
            self._move(message, "undelivered" if code else "delivered", code=code)
        if message.fate.reply and not code:
            self.schedule.after(message.fate.reply_seconds, lambda: self._answer(message))

    def _move(self, message: SimulatedMessage, status: str, *, code: int | None = None) -> None:
        now = self.schedule.clock()
        message.status = status
        message.updated = now
        message.error_code = code
        message.history.append((status, now))
        if message.callback_url and status in CALLED_BACK:
            key = f"{message.to}|{len(message.history)}|{status}"
            self._postman.send(
                message.sid,
                message.callback_url,
                callback_params(message, now),
                lambda: self._account(message).token,
                delays=callback_delays(self.behaviour, key, message.fate.callbacks),
            )


def callback_params(message: SimulatedMessage, now: datetime) -> dict[str, str]:
    """The form of a status callback: no price, no segments, no body and no time, as with Twilio."""
    params = {
        "AccountSid": message.account_sid,
        "ApiVersion": "2010-04-01",
        "From": message.from_ or "",
        "To": message.to,
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
    }
    if message.service_sid:
        params["MessagingServiceSid"] = message.service_sid
    if message.error_code is not None:
        params["ErrorCode"] = str(message.error_code)
    if message.status in ("delivered", "undelivered"):
        params["RawDlrDoneDate"] = now.strftime("%y%m%d%H%M")
    return params


def new_sid(prefix: str) -> str:
    """A SID nobody has used: unlike the outcomes it is not seeded, since databases outlive a simulator."""
    return prefix + uuid.uuid4().hex
