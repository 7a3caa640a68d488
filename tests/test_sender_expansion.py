"""Tests of sender/expansion.py: when a run starts, every row of its audience becomes a message or has one reason."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind
from models.base import Database
from models.campaigns import Campaign, CampaignState, Exclusion, Lane, Reason, Run
from models.consent import ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import Direction, Kind, Message, MessageStatus
from models.segments import measure
from sender import audience, consent, dispatch
from sender.expansion import Meter
from tests.conftest import NOW
from tests.lists import campaign_to, expanded, listed, run_of
from tests.seeds import sender_of

DUES = 'Hi {{ first_name | default: "there" }}, {{ amount | money }} is due.'


def hours(session: Session, region: str, opens: time | None, closes: time | None) -> None:
    """Set a country's local hours."""
    session.execute(
        update(CountrySetting).where(CountrySetting.region == region).values(opens_at=opens, closes_at=closes)
    )


def opt_out(session: Session, account: Account, phone: str, **values: Any) -> None:
    """Record a STOP."""
    consent.append(
        session, account_id=account.id, phone=phone, source=ConsentSource.KEYWORD, now=NOW,
        **({"kind": ConsentKind.OPT_OUT} | values),
    )  # fmt: skip


def reasons(session: Session, run: Run) -> dict[int, tuple[str, str]]:
    """Row → reason and detail of everybody who was left out."""
    rows = session.scalars(select(Exclusion).where(Exclusion.run_id == run.id))
    return {row.row: (row.reason.value, row.detail) for row in rows}


def messages(session: Session, run: Run) -> list[Message]:
    """The run's messages in the order of the list."""
    return list(session.scalars(select(Message).where(Message.run_id == run.id).order_by(Message.id)))


def test_the_first_reason_that_applies_wins(session: Session, account: Account) -> None:
    """Each row below has its own reason, and several have a later one as well that does not show."""
    loaded = listed(
        session,
        account,
        """Phone,First name,Amount
2125550101,Ann,12.50
2125550101,Ann again,1
,Nobody,1
12,Junk,1
+353861234567,Disabled and without amount,
+4915112345678,No row,1
+442072343456,Landline who opted out,1
+1 900 555 0123,Premium,1
2125550102,Out without amount,
2125550103,Held,1
2125550104,No amount,
2125550105,Silly amount,a lot
8005550199,Toll-free has no zone,1
2125550106,,3
""",
    )
    hours(session, "US", time(8), time(20))
    opt_out(session, account, "+442072343456")
    opt_out(session, account, "+12125550102")
    opt_out(session, account, "+12125550103", kind=ConsentKind.HOLD)
    run = expanded(session, run_of(session, campaign_to(session, account, loaded, DUES)))
    assert reasons(session, run) == {
        2: ("duplicate", "The same number as in row 1."),
        3: ("empty_phone", "There is no number; add one or remove the row."),
        4: ("invalid_number", reasons(session, run)[4][1]),
        5: ("country_disabled", "IE"),
        6: ("country_disabled", "DE"),
        7: ("landline", ""),
        8: ("premium", ""),
        9: ("opted_out", "opt_out by keyword, 2026-11-20"),
        10: ("opted_out", "hold by keyword, 2026-11-20"),
        11: ("missing_field", "amount"),
        12: ("missing_field", "amount"),
        13: ("no_time_zone", ""),
    }
    assert [m.body for m in messages(session, run)] == ["Hi Ann, $12.50 is due.", "Hi there, $3.00 is due."]
    assert (run.audience_size, run.messages, run.excluded, run.segments, run.expanded) == (14, 2, 12, 2, True)


def test_a_message_has_everything_that_sending_needs(session: Session, account: Account) -> None:
    """Body, encoding, units and segments frozen; lane, sender, purpose, priority and version copied."""
    loaded = listed(session, account, "Phone,Name\n2125550101,Łukasz\n")
    campaign = campaign_to(
        session, account, loaded, "Hello {{ name }}" + "!" * 70, priority=3, purpose=Purpose.MARKETING
    )
    run = expanded(session, run_of(session, campaign))
    [message] = messages(session, run)
    lane = session.get_one(Lane, message.lane_id)
    assert (message.encoding, message.units, message.segments) == measure("Hello Łukasz" + "!" * 70)
    assert (message.phone, message.region, message.status, message.kind) == (
        "+12125550101", "US", MessageStatus.PENDING, Kind.SMS,
    )  # fmt: skip
    assert (message.account_id, message.sender_id, message.template_version_id) == (
        account.id, campaign.sender_id, campaign.template_version_id,
    )  # fmt: skip
    assert (message.purpose, message.priority, message.direction) == (Purpose.MARKETING, 3, Direction.OUTBOUND)
    assert (message.due_at, message.created_at, message.updated_at, message.attempt) == (NOW, NOW, NOW, 0)
    assert (message.sid, message.twilio_price_u, message.expires_at, message.reason) == (None, None, None, None)
    assert (lane.zones, lane.region, lane.priority, lane.held) == ("America/New_York", "US", 3, False)


def test_fields_come_from_the_list_then_from_the_contact(session: Session, account: Account) -> None:
    """A column of this list decides, blank or not; only what the list does not have comes from the contact."""
    listed(session, account, "Phone,Name,Amount,City,Member ID\n2125550101,Ann Lee,99,Boston,M1\n", name="Old")
    loaded = listed(session, account, "Phone,Amount\n2125550101,\n", name="New")
    source = 'Hi {{ first_name }} {{ name }} of {{ city }} {{ external_id }}, {{ amount | default: "nothing" }} is due.'
    run = expanded(session, run_of(session, campaign_to(session, account, loaded, source)))
    assert messages(session, run)[0].body == "Hi Ann Ann Lee of Boston M1, nothing is due."


def test_a_first_name_is_taken_from_the_name(session: Session, account: Account) -> None:
    """Where the list has no first name of its own."""
    names = {"Ann Lee": "Ann", "Lee, Ann B.": "Ann", "Dr. Ann Lee": "Ann", "Ann": "Ann", "Dr.": "there", "": "there"}
    rows = [f'21255501{n:02},"{name}"' for n, name in enumerate(names)]
    loaded = listed(session, account, "\n".join(["Phone,Name", *rows]))
    campaign = campaign_to(session, account, loaded, 'Hi {{ first_name | default: "there" }}')
    run = expanded(session, run_of(session, campaign))
    assert [m.body for m in messages(session, run)] == [f"Hi {first}" for first in names.values()]


def test_too_long_and_empty_texts_are_left_out(session: Session, account: Account) -> None:
    """A body over the provider's limit, a value that is no name, and a text of nothing."""
    loaded = listed(
        session, account, f"Phone,A,B\n2125550101,{'x' * 400},{'x' * 400}\n2125550102,{'x' * 501},y\n2125550103,,y\n"
    )
    long = expanded(session, run_of(session, campaign_to(session, account, loaded, "{{ a }}{{ b }}" * 3)))
    assert {row: reason for row, (reason, _) in reasons(session, long).items()} == {
        1: "too_long", 2: "too_long", 3: "missing_field",
    }  # fmt: skip
    empty = expanded(session, run_of(session, campaign_to(session, account, loaded, "{% if z %}{{ z }}{% endif %}")))
    assert reasons(session, empty)[1] == ("missing_field", "The text would be empty.")


def test_an_mms_is_one_message(session: Session, account: Account) -> None:
    """With a picture the text is not cut into segments."""
    loaded = listed(session, account, "Phone\n2125550101\n")
    campaign = campaign_to(session, account, loaded, "x" * 400, media_url="https://example.org/a.png")
    run = expanded(session, run_of(session, campaign))
    [message] = messages(session, run)
    assert (message.kind, message.media_url, message.segments, message.units) == (
        Kind.MMS, "https://example.org/a.png", 1, 400,
    )  # fmt: skip


def test_pictures_go_where_they_may(session: Session, account: Account) -> None:
    """A country whose setting says no is left out when the list is expanded, and at the claim when it says so later."""
    loaded = listed(session, account, "Phone\n2125550101\n+447400123456\n")
    session.execute(update(CountrySetting).where(CountrySetting.region == "GB").values(mms=False))
    campaign = campaign_to(
        session, account, loaded, "Look", media_url="https://example.org/a.png", state=CampaignState.SENDING
    )
    assert audience.preview(session, campaign, now=NOW).by_reason == {Reason.NO_MMS: 1}
    run = expanded(session, run_of(session, campaign))
    assert reasons(session, run) == {2: ("no_mms", "GB")}
    session.execute(update(CountrySetting).values(mms=False))
    session.commit()
    assert dispatch.claim(session, worker="w", now=NOW, limit=5) == []
    [message] = messages(session, run)
    assert (message.status, message.reason) == (MessageStatus.SKIPPED, Reason.NO_MMS)


def test_an_address_tells_the_time_of_a_number_that_does_not(session: Session, account: Account) -> None:
    """A toll-free number is left out where there are hours, unless somebody knows where its owner lives."""
    loaded = listed(session, account, "Phone\n8005550199\n8005550198\n")
    session.execute(update(Contact).where(Contact.phone == "+18005550198").values(address_region="US-CT"))
    campaign = campaign_to(session, account, loaded, "Hello", purpose=Purpose.MARKETING)
    run = expanded(session, run_of(session, campaign))
    assert reasons(session, run) == {1: ("no_time_zone", "")}
    [lane] = session.scalars(select(Lane).where(Lane.run_id == run.id))
    assert (lane.zones, lane.places) == ("America/New_York", "US-CT")


def test_a_stop_counts_for_its_purpose(session: Session, account: Account) -> None:
    """No marketing is not no account notices."""
    loaded = listed(session, account, "Phone\n2125550101\n")
    opt_out(session, account, "+12125550101", purpose=Purpose.MARKETING)
    for purpose, sent in [(Purpose.ACCOUNT, 1), (Purpose.MARKETING, 0)]:
        run = expanded(session, run_of(session, campaign_to(session, account, loaded, purpose.value, purpose=purpose)))
        assert run.messages == sent


def test_landlines_may_be_allowed(session: Session, account: Account) -> None:
    """Some landlines take texts: the country setting decides, at the start of the run."""
    loaded = listed(session, account, "Phone\n+442072343456\n")
    campaign = campaign_to(session, account, loaded)
    session.execute(update(CountrySetting).where(CountrySetting.region == "GB").values(landlines=True))
    assert expanded(session, run_of(session, campaign)).messages == 1


def test_lanes_are_by_zones_and_region(session: Session, account: Account) -> None:
    """One lane for those who share a window, with that window; the contact's own zone makes another."""
    hours(session, "US", time(8), time(20))
    loaded = listed(
        session,
        account,
        """Phone,Time zone
2125550101,
2125550102,
2705551234,
3105550101,
2125550103,America/Los_Angeles
+447400123456,
""",
    )
    run = run_of(session, campaign_to(session, account, loaded))
    expanded(session, run, now=datetime(2026, 11, 20, 14, 30, tzinfo=UTC), chunk=2)
    lanes = session.scalars(select(Lane).where(Lane.run_id == run.id).order_by(Lane.id)).all()
    sizes = dict(session.execute(select(Message.lane_id, func.count()).group_by(Message.lane_id)).all())
    found = [(lane.region, lane.zones, sizes[lane.id], lane.opens_at and f"{lane.opens_at:%H:%M}") for lane in lanes]
    assert found[0] == ("US", "America/New_York", 2, "13:00")
    assert found[1][1:] == ("America/Chicago,America/New_York", 1, "14:00")
    assert found[2] == ("US", "America/Los_Angeles", 2, "16:00")
    assert (found[3][0], found[3][3]) == ("GB", None)
    assert lanes[1].why == "08:00–20:00 in America/Chicago and America/New_York"


def test_a_country_may_have_its_own_sender(session: Session, account: Account) -> None:
    """A short code does not reach Britain: messages there, and their lane, have the country's sender."""
    own = sender_of(session, account, SenderKind.TOLL_FREE)
    session.execute(update(CountrySetting).where(CountrySetting.region == "GB").values(sender_id=own.id))
    campaign = campaign_to(session, account, listed(session, account, "Phone\n2125550101\n+447400123456\n"))
    run = expanded(session, run_of(session, campaign), chunk=1)
    assert {m.region: m.sender_id for m in messages(session, run)} == {"US": campaign.sender_id, "GB": own.id}
    assert {lane.region: lane.sender_id for lane in session.scalars(select(Lane))} == {
        "US": campaign.sender_id, "GB": own.id,
    }  # fmt: skip


def test_zones_without_a_common_hour_are_held(session: Session, account: Account) -> None:
    """Nobody is guessed at: the lane is held and a person decides."""
    hours(session, "US", time(12), time(13))
    loaded = listed(session, account, "Phone\n2705551234\n")
    run = expanded(session, run_of(session, campaign_to(session, account, loaded)))
    lane = session.scalars(select(Lane).where(Lane.run_id == run.id)).one()
    assert (lane.held, lane.opens_at) == (True, None)
    assert "no such hour in common" in lane.why


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 8, 100])
def test_chunks_make_no_difference(session: Session, account: Account, chunk: int) -> None:
    """However it is cut, the result is the same, and one more call returns 0."""
    rows = [f"21255501{n:02},{'x' * n * 10},{n}" for n in range(1, 7)] + ["2125550101,again,1"]
    loaded = listed(session, account, "Phone,Name,Amount\n" + "\n".join(rows) + "\n")
    run = run_of(session, campaign_to(session, account, loaded, "{{ name }} {{ amount }}" * 2))
    done = []
    while not run.expanded:
        done.append(audience.expand(session, run, now=NOW, chunk=chunk))
        session.commit()
    assert done == [min(chunk, 7 - at) for at in range(0, 7, chunk)] + [0]
    assert audience.expand(session, run, now=NOW) == 0
    assert [m.body.count("x") for m in messages(session, run) if m.body] == [20, 40, 60, 80, 100, 120]
    assert (run.messages, run.excluded, run.segments) == (6, 1, 6)


def test_a_crash_before_the_commit_loses_nothing(database: Database, session: Session, account: Account) -> None:
    """The chunk that was rolled back is simply done again."""
    loaded = listed(session, account, "Phone\n" + "".join(f"21255501{n:02}\n" for n in range(10)))
    run = run_of(session, campaign_to(session, account, loaded))
    session.commit()
    audience.expand(session, run, now=NOW, chunk=4)
    session.commit()
    with database.session() as dying:
        audience.expand(dying, dying.get_one(Run, run.id), now=NOW, chunk=4)
        dying.rollback()
    expanded(session, run, chunk=4)
    assert (run.messages, len(messages(session, run))) == (10, 10)


def test_a_cancelled_campaign_makes_no_more_messages(session: Session, account: Account) -> None:
    """Cancelled between two chunks: the rest of the list is left out for that, its own reasons first, and the sum holds."""
    loaded = listed(session, account, "Phone\n2125550101\n2125550102\n12\n2125550103\n")
    run = run_of(session, campaign_to(session, account, loaded))
    audience.expand(session, run, now=NOW, chunk=1)
    session.execute(update(Campaign).values(state=CampaignState.CANCELLED))
    session.expire_all()
    expanded(session, run)
    assert (run.messages, run.excluded, run.audience_size) == (1, 3, 4)
    assert [reason for reason, _ in reasons(session, run).values()] == ["cancelled", "invalid_number", "cancelled"]


def test_doing_it_twice_makes_nothing_twice(session: Session, account: Account) -> None:
    """Even with the mark set back by hand: rows are kept by their natural keys, and the figures counted from them."""
    loaded = listed(session, account, "Phone\n2125550101\n12\n2125550102\n")
    run = expanded(session, run_of(session, campaign_to(session, account, loaded)))
    first = [m.id for m in messages(session, run)]
    run.expanded_to, run.expanded = 0, False
    expanded(session, run)
    assert [m.id for m in messages(session, run)] == first
    assert (run.messages, run.excluded, run.segments) == (2, 1, 2)


def test_two_workers_do_not_expand_the_same_chunk(database: Database, session: Session, account: Account) -> None:
    """They wait for each other; together they do each row once."""
    from concurrent.futures import ThreadPoolExecutor

    loaded = listed(session, account, "Phone\n" + "".join(f"21255501{n:02}\n" for n in range(60)))
    run = run_of(session, campaign_to(session, account, loaded))
    session.commit()

    def work(_: int) -> int:
        total = 0
        while True:
            with database.transaction() as one:
                done = audience.expand(one, one.get_one(Run, run.id), now=NOW, chunk=7)
            if not done:
                return total
            total += done

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 60
    session.refresh(run)
    assert (run.messages, len(messages(session, run))) == (60, 60)


@pytest.mark.parametrize(
    ("limits", "sent"),
    [
        ({"run": 4}, 2),
        ({"run": 5}, 3),
        ({"run": 6}, 4),
        ({"campaign": 4}, 2),
        ({"account": 5}, 3),
        ({"campaign": 4, "account": 5}, 2),
        ({"run": 6, "campaign": 4, "account": 1}, 4),
        ({"run": 0}, 0),
    ],
)
@pytest.mark.parametrize("chunk", [1, 10])
def test_the_segment_limit_ends_the_list(
    session: Session, account: Account, limits: dict[str, int], sent: int, chunk: int
) -> None:
    """Segments 1, 2, 2, 1, 1 …: from the first text that does not fit, nobody gets one; other reasons still show."""
    lengths = [10, 200, 161, 10]
    rows = [f"21255501{n:02},{'x' * length}" for n, length in enumerate(lengths)]
    loaded = listed(session, account, "Phone,Text\n" + "\n".join([rows[0], rows[1], rows[2], rows[3], "12,x"]) + "\n")
    account.segment_limit = limits.get("account", 20_000)
    campaign = campaign_to(session, account, loaded, "{{ text }}", segment_limit=limits.get("campaign"))
    run = expanded(session, run_of(session, campaign, segment_limit=limits.get("run")), chunk=chunk)
    assert run.messages == sent
    limit = limits.get("run", min(limits.get("campaign", 20_000), account.segment_limit))
    expected = dict.fromkeys(range(sent + 1, 5), ("segment_limit", f"limit {limit}"))
    assert reasons(session, run) == expected | {5: ("invalid_number", reasons(session, run)[5][1])}
    assert audience.preview(session, campaign, now=NOW).recipients == sent or "run" in limits


@pytest.mark.parametrize(("used", "segments", "fits"), [(8, 1, True), (8, 2, True), (8, 3, False), (10, 1, False)])
def test_meter(used: int, segments: int, fits: bool) -> None:
    """At n-1, n and n+1 of a limit of 10; once full, always full."""
    meter = Meter(10, used=used)
    assert meter.fits(segments) is fits
    assert meter.used == used + (segments if fits else 0)
    assert fits or not meter.fits(0)


PHONE = st.one_of(
    st.integers(2_125_550_100, 2_125_550_120).map(str),
    st.sampled_from(["+442072343456", "+447400123456", "+18005550199", "+353861234567", "+19005550123", "", "junk"]),
    st.text("0123456789+() aé", max_size=12),
)
VALUE = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(PHONE, VALUE, VALUE), max_size=25),
    out=st.lists(st.integers(2_125_550_100, 2_125_550_120), max_size=5),
    limit=st.one_of(st.none(), st.integers(0, 20)),
    chunk=st.integers(1, 30),
    closed=st.booleans(),
)
def test_everybody_is_texted_or_has_one_reason(
    session: Session,
    account: Account,
    rows: list[tuple[str, str, str]],
    out: list[int],
    limit: int | None,
    chunk: int,
    closed: bool,
) -> None:
    """Messages + exclusions = rows, whatever the list; nobody who opted out is texted; the preview says the same."""
    quoted = ["{},{},{}".format(*('"' + cell.replace('"', '""') + '"' for cell in row)) for row in rows]
    loaded = listed(session, account, "\r\n".join(["Phone,First name,Amount", *quoted]))
    hours(session, "US", time(8) if closed else None, time(20) if closed else None)
    for number in set(out):
        opt_out(session, account, f"+1{number}")
    campaign = campaign_to(session, account, loaded, DUES.replace(" | money", ""), segment_limit=limit)
    seen = audience.preview(session, campaign, now=NOW)
    run = run_of(session, campaign)
    while audience.expand(session, run, now=NOW, chunk=chunk):
        assert run.messages + run.excluded == min(run.expanded_to, loaded.rows)
    made = messages(session, run)
    found = reasons(session, run)
    assert len(made) + len(found) == loaded.rows == run.audience_size == run.messages + run.excluded
    assert not {m.phone for m in made} & {f"+1{number}" for number in out}
    assert all(m.segments == measure(m.body or "").segments for m in made)
    assert limit is None or run.segments <= limit
    counted: dict[Reason, int] = {}
    for reason, _ in found.values():
        counted[Reason(reason)] = counted.get(Reason(reason), 0) + 1
    assert (seen.rows, seen.recipients, seen.segments, seen.by_reason) == (
        loaded.rows, len(made), sum(m.segments for m in made), counted,
    )  # fmt: skip
    session.rollback()
