"""What is pulled from Twilio: late prices, lost statuses, usage records and verifications, through the real SDK."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, Verification
from models.base import Database
from models.charges import UsageRecord
from models.contacts import Contact
from models.messages import Message, MessageStatus
from models.money import micros
from sender import dispatch, messages, usage
from sender.claims import Claim, Outcome
from sender.gateway import Gateway, Rejected, Remote
from sender.gateway_line import event_loop
from sender.outcomes import record
from sender.simulated_accounts import PENDING
from sender.simulated_server import Server
from sender.simulator import SimulatedAccount, SimulatedNumber
from tests import seeds
from tests.conftest import NOW, seed_account
from tests.rehearsal import Rehearsal
from tests.test_sender_messages import folded, recounted

S = MessageStatus
DELIVERED, SILENT, UNREACHABLE, FILTERED, NEVER_PRICED = (f"+12125550{n}" for n in (101, 102, 103, 107, 175))
EVERYBODY = [DELIVERED, SILENT, UNREACHABLE, FILTERED, NEVER_PRICED]


@dataclass
class Desk:
    """An account of ours, its messages, and the Twilio that sends them; time stands still until it is told to pass."""

    session: Session
    account: Account
    twilio: Rehearsal
    gateway: Gateway

    def send(self, phones: list[str]) -> None:
        """Send a text to each number, through claim, SDK and simulator."""
        for phone in phones:
            self.session.add(
                Contact(
                    account_id=self.account.id, phone=phone, phone_raw=phone, region="US", line_type="mobile",
                    time_zones="America/New_York", name="Member", created_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip
        self.session.flush()
        seeds.sending_run(self.session, self.account, len(phones))
        claims = dispatch.claim(self.session, worker="w", now=NOW, limit=99)
        outcomes = [self.post(claim) for claim in claims]
        record(self.session, outcomes, now=NOW)

    def post(self, claim: Claim) -> Outcome:
        """One POST, on the loop that all of them leave by."""
        posting = dispatch.post(self.gateway, claim, public_url="https://our.example")
        return asyncio.run_coroutine_threadsafe(posting, event_loop()).result()

    def call_back(self) -> None:
        """Deliver every callback that was posted so far."""
        for letter in self.twilio.letters:
            (ours,) = parse_qs(urlsplit(letter.url).query)["m"]
            word, code = messages.word(letter.form["MessageStatus"]), letter.form.get("ErrorCode")
            assert word is not None
            message = self.session.get_one(Message, int(ours))
            messages.advance(self.session, message, word, now=NOW, error_code=int(code) if code else None)

    def pull(self, now: datetime) -> tuple[int, int]:
        """One poll, as the worker's job does it; how many statuses and prices changed."""
        since = usage.unpriced_since(self.session, self.account, now=now)
        if since is None:
            return 0, 0
        until = now + timedelta(hours=1)
        remotes = self.gateway.sent_between(since - timedelta(hours=1), until)
        moved = usage.apply_statuses(self.session, self.account, remotes, now=now)
        return moved, usage.apply_prices(self.session, self.account, remotes, now=now)

    def rows(self) -> dict[str, Message]:
        """Every message by its number."""
        return {message.phone: message for message in self.session.scalars(select(Message))}

    def statuses(self) -> dict[str, str]:
        """Every status by number."""
        return {phone: message.status.value for phone, message in self.rows().items()}


@pytest.fixture
def desk(session: Session, account: Account) -> Iterator[Desk]:
    """The seeded account at a simulated Twilio, over HTTP."""
    numbers = [SimulatedNumber("27242"), SimulatedNumber("+18335550100", verification=PENDING)]
    twilio = Rehearsal(accounts=(SimulatedAccount(numbers=numbers),))
    account.twilio_sid = twilio.account.sid
    session.commit()
    server = Server(twilio.simulator.wsgi_app, host="127.0.0.1", port=0, on_stop=twilio.simulator.stop)
    with server:
        yield Desk(session, account, twilio, Gateway(twilio.account.sid, twilio.account.token, base_url=server.url))


def test_prices_come_late(desk: Desk) -> None:
    """Unknown at first, then what Twilio says to the micro; asked for until all are known that ever will be."""
    desk.send(EVERYBODY)
    assert usage.unpriced_since(desk.session, desk.account, now=NOW) == NOW
    desk.twilio.step(3)
    desk.call_back()
    assert desk.pull(NOW + timedelta(seconds=3)) == (0, 0)
    assert {row.twilio_price_u for row in desk.rows().values()} == {None}
    desk.twilio.step(60)
    desk.call_back()
    assert desk.pull(NOW + timedelta(minutes=1)) == (0, 3)
    for phone, row in desk.rows().items():
        said = desk.twilio.message(row.sid or "")["price"]
        assert (said is None) == (phone in {FILTERED, NEVER_PRICED})
        assert row.twilio_price_u == (None if said is None else micros(said.removeprefix("-")))
    assert desk.pull(NOW + timedelta(minutes=11)) == (0, 0)
    assert folded(desk.session) == recounted(desk.session)


def test_what_never_gets_a_price_is_given_up(desk: Desk) -> None:
    """A message that failed is never asked for, and one whose price does not come only for three days."""
    desk.send([FILTERED])
    desk.twilio.step(60)
    assert usage.unpriced_since(desk.session, desk.account, now=NOW) == NOW
    desk.call_back()
    assert usage.unpriced_since(desk.session, desk.account, now=NOW) is None
    row = desk.rows()[FILTERED]
    for status in (S.DELIVERED, S.UNDELIVERED, S.SENT, S.QUEUED):
        row.status = status
        for late, expected in [(timedelta(days=3, seconds=-1), NOW), (timedelta(days=3), None)]:
            assert usage.unpriced_since(desk.session, desk.account, now=NOW + late) == expected
        assert usage.unpriced_since(desk.session, desk.account) == NOW
    row.status, row.twilio_price_u = S.DELIVERED, 0
    assert usage.unpriced_since(desk.session, desk.account, now=NOW) is None


def test_a_sid_that_was_learned_late(desk: Desk) -> None:
    """Twilio may have taken a message hours before we learned of it: the question starts at our intent."""
    desk.send([DELIVERED])
    row = desk.rows()[DELIVERED]
    row.sent_at = NOW + timedelta(hours=6)
    desk.twilio.step(60)
    assert usage.unpriced_since(desk.session, desk.account, now=NOW + timedelta(hours=7)) == NOW
    assert desk.pull(NOW + timedelta(hours=7)) == (1, 1)


def test_lost_callbacks_are_repaired(desk: Desk) -> None:
    """Statuses come with the prices; what failed before it left is fetched by itself; nobody is asked for ever."""
    desk.send(EVERYBODY)
    desk.twilio.step(60)
    at = NOW + timedelta(minutes=1)
    assert desk.pull(at) == (4, 3)
    assert usage.overdue(desk.session, desk.account, now=at) == []
    at = NOW + usage.OVERDUE
    desk.session.commit()
    (lost,) = usage.overdue(desk.session, desk.account, now=at)
    assert lost == desk.rows()[FILTERED].sid
    assert look(desk, [lost], at) == 1
    expected = {DELIVERED: "delivered", SILENT: "sent", UNREACHABLE: "undelivered", FILTERED: "failed"}
    assert desk.statuses() == expected | {NEVER_PRICED: "delivered"}
    assert (desk.rows()[FILTERED].error_code, desk.rows()[UNREACHABLE].error_code) == (30007, 30003)
    assert folded(desk.session) == recounted(desk.session)


def look(desk: Desk, sids: list[str], now: datetime) -> int:
    """Fetch these one by one and take over what they say."""
    return usage.apply_statuses(desk.session, desk.account, usage.fetched(desk.gateway, sids), now=now)


def test_a_silent_carrier_is_asked_every_hour_for_three_days(desk: Desk) -> None:
    """The longest without news first, each at most once an hour, and not after its patience has ended."""
    desk.send([SILENT])
    desk.twilio.step(60)
    desk.call_back()
    asked = []
    for hour in range(80):
        at = NOW + timedelta(hours=hour)
        for _ in range(2):
            sids = usage.overdue(desk.session, desk.account, now=at)
            asked += [hour] * len(sids)
            look(desk, sids, at) if hour in {1, 2} else touch(desk, sids, at)
    assert asked == list(range(1, 72))


def touch(desk: Desk, sids: list[str], now: datetime) -> None:
    """What `look` does when there is no news, without the network."""
    for message in desk.session.scalars(select(Message).where(Message.sid.in_(sids))):
        message.updated_at = now


def test_only_so_many_at_a_time(desk: Desk) -> None:
    """A limit bounds one round; the next round goes on with the others."""
    desk.send([f"+1212555{n:04}" for n in range(120, 122)])
    at = NOW + timedelta(hours=2)
    (first,) = usage.overdue(desk.session, desk.account, now=at, limit=1)
    look(desk, [first], at)
    (second,) = usage.overdue(desk.session, desk.account, now=at, limit=1)
    assert first != second


def test_a_message_that_twilio_does_not_have(desk: Desk) -> None:
    """One that was deleted there is passed over; refused credentials are not mistaken for that."""
    desk.send([DELIVERED, SILENT])
    desk.twilio.step(60)
    gone, there = (desk.rows()[phone].sid or "" for phone in (DELIVERED, SILENT))
    desk.gateway.delete(gone)
    assert [remote.sid for remote in usage.fetched(desk.gateway, [gone, there])] == [there]
    wrong = Gateway(desk.twilio.account.sid, "wrong", base_url=desk.gateway._base_url)
    with pytest.raises(Rejected):
        usage.fetched(wrong, [there])


def remote(message: Message, **said: object) -> Remote:
    """A message as Twilio lists it: delivered and priced."""
    given = Remote(
        sid=message.sid or "", status="delivered", direction="outbound-api", to=message.phone, from_="27242", body="Hello",
        messaging_service_sid=None, segments=1, media=0, price=Decimal("0.0083"), price_unit="USD", error_code=None,
        date_created=NOW, date_sent=NOW,
    )  # fmt: skip
    return replace(given, **said)  # type: ignore[arg-type]


def test_what_twilio_lists_never_undoes_what_we_know(desk: Desk) -> None:
    """An older list, an unknown word, a missing or foreign price, and other people's messages change nothing."""
    desk.send([DELIVERED])
    row = desk.rows()[DELIVERED]
    messages.advance(desk.session, row, S.DELIVERED, now=NOW)
    stranger = seed_account(desk.session, slug="stranger")
    lists: list[dict[str, object]] = [
        {"status": word} for word in ("sent", "undelivered", "received", "skipped", "new", "")
    ]
    for said in lists:
        assert usage.apply_statuses(desk.session, desk.account, [remote(row, **said)], now=NOW) == 0
    lists = [{"price": None}, {"price_unit": "EUR"}, {"sid": "SM" + "0" * 32}]
    for said in lists:
        assert usage.apply_prices(desk.session, desk.account, [remote(row, **said)], now=NOW) == 0
    assert usage.apply_statuses(desk.session, stranger, [remote(row)], now=NOW) == 0
    assert usage.apply_prices(desk.session, stranger, [remote(row)], now=NOW) == 0
    assert (row.status, row.twilio_price_u) == (S.DELIVERED, None)


def test_more_than_one_query_holds(session: Session, account: Account) -> None:
    """The first and the last of five hundred and one listed messages are found, each once, however often they are listed."""
    seeds.sending_run(session, account, 2)
    first, last = session.scalars(select(Message).order_by(Message.id))
    for row, sid in ((first, "SM000"), (last, "SM500")):
        row.status, row.sid = S.QUEUED, sid
    session.flush()
    listed = [remote(first, sid=f"SM{n:03}") for n in range(501)] * 2
    assert usage.apply_statuses(session, account, listed, now=NOW) == 2
    assert usage.apply_prices(session, account, listed, now=NOW) == 2
    assert usage.apply_prices(session, account, listed, now=NOW) == 0
    assert {(row.status, row.twilio_price_u, row.twilio_segments) for row in (first, last)} == {(S.DELIVERED, 8300, 1)}


def test_a_callback_at_the_same_moment(database: Database, session: Session, account: Account) -> None:
    """A callback that is being written while the list is applied is waited for, not overwritten."""
    seeds.sending_run(session, account, 1)
    row = session.scalars(select(Message)).one()
    row.status, row.sid = S.CLAIMED, "SM1"
    session.commit()
    moved: list[int] = []

    def apply() -> None:
        with database.transaction() as other:
            mine = other.get_one(Account, account.id)
            moved.append(
                usage.apply_statuses(other, mine, [remote(row, status="undelivered", error_code=30003)], now=NOW)
            )

    messages.advance(session, row, S.DELIVERED, now=NOW)
    session.flush()
    thread = threading.Thread(target=apply)
    thread.start()
    time.sleep(0.3)
    session.commit()
    thread.join()
    session.expire_all()
    assert moved == [0]
    assert (row.status, row.error_code) == (S.DELIVERED, None)
    assert folded(session) == recounted(session)


def test_usage_records(desk: Desk) -> None:
    """Twilio's totals are kept by GMT day and category; a later pull replaces them; foreign money is not kept."""
    desk.send([DELIVERED, UNREACHABLE, FILTERED])
    desk.twilio.step(60)
    today = NOW.date()
    for hour in (1, 2):
        at = NOW + timedelta(hours=hour)
        records = usage.usage_days(desk.gateway, today - timedelta(days=1), today)
        assert usage.store_usage(desk.session, desk.account, records, now=at) == len(records) > 0
        desk.session.flush()
        kept = {row.category: row for row in desk.session.scalars(select(UsageRecord))}
        assert len(kept) == len(records)
        assert {(row.day, row.pulled_at) for row in kept.values()} == {(today, at)}
        assert kept["sms-outbound-shortcode"].count == 1 + hour
        assert kept["failed-message-processing-fee"].count == 1
        assert kept["sms-outbound"].price_u == kept["sms-outbound-shortcode"].price_u > 0
        desk.twilio.send("+12125550120", sender="27242")
        desk.twilio.step(60)
    foreign = replace(records[0], price_unit="EUR", day=date(2026, 1, 1))
    fine = replace(records[0], price=Decimal("1.23456789"), day=date(2026, 1, 2))
    assert usage.store_usage(desk.session, desk.account, [foreign, fine], now=NOW) == 1
    assert desk.session.get_one(UsageRecord, (desk.account.id, fine.day, fine.category)).price_u == 1_234_568


def test_verifications(desk: Desk) -> None:
    """Where a toll-free number stands is Twilio's word; other numbers and unknown words are left alone."""
    toll_free = seeds.sender_of(desk.session, desk.account, SenderKind.TOLL_FREE)
    short_code = seeds.sender_of(desk.session, desk.account)
    (toll_free.sid, short_code.sid) = (number.sid for number in reversed(desk.twilio.account.numbers))

    def pull() -> int:
        states = {found.phone_sid: found.status for found in desk.gateway.verifications()}
        return usage.store_verifications(desk.session, desk.account, states)

    for word, changed, may_send in [
        ("PENDING_REVIEW", 1, False),
        ("PENDING_REVIEW", 0, False),
        ("IN_REVIEW", 1, False),
        ("TWILIO_APPROVED", 1, True),
        ("TWILIO_REJECTED", 1, False),
    ]:
        desk.twilio.simulator.verify(toll_free.address, word)
        assert (pull(), toll_free.may_send) == (changed, may_send), word
    for states in (
        {toll_free.sid or "": "SOMETHING_NEW"},
        {"PN0": "TWILIO_APPROVED"},
        {},
        {short_code.sid or "": "IN_REVIEW"},
    ):
        assert usage.store_verifications(desk.session, desk.account, states) == 0
    assert (toll_free.verification, short_code.may_send) == (Verification.TWILIO_REJECTED, True)
    toll_free.sid = None
    assert (
        usage.store_verifications(desk.session, desk.account, {"": "TWILIO_APPROVED", "None": "TWILIO_APPROVED"}) == 0
    )
