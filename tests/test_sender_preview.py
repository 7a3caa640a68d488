"""Tests of sender/preview.py: what sending now would make of an audience, without writing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, Exclusion, Lane, Reason
from models.countries import CountrySetting
from models.messages import Message
from sender import audience
from sender.preview import Counts, Preview, limited, preview, scaled
from tests.conftest import NOW
from tests.lists import campaign_to, expanded, listed, run_of

SOURCE = 'Hi {{ first_name | default: "there" }}, {{ text }}'


def seen(session: Session, account: Account, content: str, source: str = SOURCE) -> Preview:
    """The preview of a campaign with this text to this list."""
    return preview(session, campaign_to(session, account, listed(session, account, content), source), now=NOW)


def test_counts_by_reason_and_region(session: Session, account: Account) -> None:
    """Rows are recipients and reasons; messages and segments by region."""
    found = seen(
        session,
        account,
        f"""Phone,First name,Text
2125550101,Ann,hello
2125550102,Bo,{"x" * 200}
+447400123456,Cy,hello
+353861234567,Di,hello
2125550103,Ed,
2125550101,Ann,hello
junk,,
""",
    )
    assert (found.rows, found.recipients, found.segments, found.rendered, found.note) == (7, 3, 4, 3, "")
    assert found.by_reason == {
        Reason.COUNTRY_DISABLED: 1, Reason.MISSING_FIELD: 1, Reason.DUPLICATE: 1, Reason.INVALID_NUMBER: 1,
    }  # fmt: skip
    assert found.by_region == {"GB": (1, 1), "US": (2, 3)}


def test_three_texts_are_shown(session: Session, account: Account) -> None:
    """The longest, the median, and the dearest in UCS-2 with what makes it dear."""
    rows = [f"21255501{n:02},Ann,{'x' * n}" for n in range(10, 60)] + ["2125550170,Łukasz,“hi”"]
    longest, median, odd = seen(session, account, "Phone,First name,Text\n" + "\n".join(rows)).samples
    assert (longest.label, longest.body) == ("longest", "Hi Ann, " + "x" * 59)
    assert (median.label, median.body.count("x")) == ("median", 34)
    assert (odd.label, odd.body, odd.encoding, odd.segments) == ("odd", "Hi Łukasz, “hi”", "UCS-2", 1)
    assert [culprit.char for culprit in odd.culprits] == ["Ł", "“", "”"]
    assert (longest.culprits, longest.defaults) == ([], ())


def test_the_longest_and_the_dear_are_listed(session: Session, account: Account) -> None:
    """The three longest in order, of as long ones the first; then who is in UCS-2 besides; and how many are."""
    rows = [f"21255501{n:02},Ann,{'x' * min(n, 40)}" for n in range(10, 60)]
    rows += [f"21255502{n:02},Łukasz,{'y' * n}" for n in (5, 90, 7, 6, 4)]
    found = seen(session, account, "Phone,First name,Text\n" + "\n".join(rows))
    assert [(one.label, one.body.count("x"), one.body.count("y")) for one in found.extremes] == [
        ("long", 0, 90), ("long", 40, 0), ("long", 40, 0), ("ucs-2", 0, 7), ("ucs-2", 0, 6),
    ]  # fmt: skip
    assert (found.ucs_2, found.rendered) == (5, 55)
    assert found.samples[0].body == found.extremes[0].body
    assert len({one.contact_id for one in found.extremes}) == 5


def test_a_default_is_odd_too(session: Session, account: Account) -> None:
    """Where all is GSM-7, the recipient who lacks a name is shown, and what was filled in."""
    found = seen(
        session,
        account,
        """Phone,First name,Text
1,,
2125550101,Ann,x
2125550102,,x
2125550103,Bo,xxxxxxxxx
2125550104,Bo,xxxxxxx
2125550105,Bo,xxxxxx
""",
    )
    assert [(sample.label, sample.defaults) for sample in found.samples] == [
        ("longest", ()), ("median", ()), ("odd", ("first_name",)),
    ]  # fmt: skip
    assert found.samples[2].body == "Hi there, x"


@pytest.mark.parametrize(
    ("people", "labels"), [(0, ""), (1, "longest"), (2, "longest median"), (3, "longest median shortest")]
)
def test_few_recipients_few_samples(session: Session, account: Account, people: int, labels: str) -> None:
    """No text is shown twice."""
    rows = "".join(f"212555010{n},Ann,{'x' * n}\n" for n in range(1, people + 1))
    found = seen(session, account, "Phone,First name,Text\n" + rows).samples
    if people == 2:
        assert {sample.label for sample in found} in ({"longest", "median"}, {"longest", "shortest"})
    else:
        assert " ".join(sample.label for sample in found) == labels
    assert len({sample.contact_id for sample in found}) == people


def test_who_waits_and_who_is_held(session: Session, account: Account) -> None:
    """At 14:30 UTC in November: New York is open, Los Angeles waits, Kentucky's two zones share no such hour."""
    session.execute(
        update(CountrySetting).where(CountrySetting.region == "US").values(opens_at=time(9), closes_at=time(20))
    )
    content = "Phone,Time zone\n2125550101,\n3105550101,\n2125550102,America/Los_Angeles\n8005550199,\n"
    campaign = campaign_to(session, account, listed(session, account, content))
    now = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    found = preview(session, campaign, now=now)
    assert (found.recipients, found.waiting, found.held, found.by_reason) == (3, 2, 0, {Reason.NO_TIME_ZONE: 1})
    session.execute(update(CountrySetting).values(opens_at=time(9), closes_at=time(9, 30)))
    content = "Phone\n2705551234\n"
    held = campaign_to(session, account, listed(session, account, content, name="Kentucky"))
    assert preview(session, held, now=now).held == 1


def test_a_preview_writes_nothing(database: Database, session: Session, account: Account) -> None:
    """A session that only reads is enough."""
    campaign = campaign_to(session, account, listed(session, account, "Phone\n2125550101\n12\n"))
    session.commit()
    with database.reading() as reading:
        assert preview(reading, reading.get_one(Campaign, campaign.id), now=NOW).recipients == 1
        assert not reading.new
        assert not reading.dirty
        for table in (Message, Exclusion, Lane):
            assert reading.scalar(select(func.count()).select_from(table)) == 0


def test_a_long_list_is_estimated_and_says_so(session: Session, account: Account) -> None:
    """Of 300 rows every third text is rendered; cheap reasons are exact, the rest is close, and nothing is lost."""
    rows = [f"212555{n:04},Ann,{'' if n % 10 == 0 else 'x' * (150 if n % 2 else 10)}" for n in range(280)] + [
        "12,,"
    ] * 20
    campaign = campaign_to(
        session, account, listed(session, account, "Phone,First name,Text\n" + "\n".join(rows)), SOURCE
    )
    exact, estimate = preview(session, campaign, now=NOW), preview(session, campaign, now=NOW, exact=100)
    assert (exact.note, exact.rendered) == ("", 252)
    assert estimate.note == "Estimated: of 300 rows one in 3 was rendered."
    assert estimate.rendered < 100
    assert estimate.rows == estimate.recipients + sum(estimate.by_reason.values()) == 300
    assert estimate.by_reason[Reason.INVALID_NUMBER] == 20
    assert abs(estimate.recipients - exact.recipients) <= 10
    assert abs(estimate.segments - exact.segments) <= 20
    assert len(estimate.samples) == 3


def test_an_estimate_agrees_with_the_run_on_the_limit(session: Session, account: Account) -> None:
    """Estimated segments never exceed the limit; exact ones are those that the run makes."""
    rows = [f"212555{n:04},Ann,{'x' * 20}" for n in range(100)]
    campaign = campaign_to(
        session,
        account,
        listed(session, account, "Phone,First name,Text\n" + "\n".join(rows)),
        SOURCE,
        segment_limit=33,
    )
    estimate = preview(session, campaign, now=NOW, exact=40)
    run = expanded(session, run_of(session, campaign))
    assert (estimate.segments, estimate.recipients, estimate.by_reason) == (33, 33, {Reason.SEGMENT_LIMIT: 67})
    assert audience.preview(session, campaign, now=NOW).segments == run.segments == 33


def test_scaling() -> None:
    """A region's unknown rows follow its rendered ones; a region without any follows all; with none at all, one segment."""
    counts = Counts(
        rows=100,
        messages=Counter(US=6, GB=0),
        segments=Counter(US=12),
        unknown=Counter(US=80, IE=8),
        failed=Counter({("US", Reason.MISSING_FIELD): 2}),
        reasons=Counter({Reason.MISSING_FIELD: 2}),
    )
    found = scaled(counts)
    assert found.messages == Counter(US=66, IE=6, GB=0)
    assert found.segments == Counter(US=132, IE=12)
    assert found.reasons == {Reason.MISSING_FIELD: 24}
    assert scaled(Counts(rows=5, unknown=Counter(US=5))).segments == {"US": 5}


@pytest.mark.parametrize(("limit", "messages"), [(9, 4), (10, 5), (11, 5), (0, 0)])
def test_limiting(limit: int, messages: int) -> None:
    """At n-1, n and n+1 of ten segments in five messages."""
    found = limited(Counts(rows=5, messages=Counter(US=5), segments=Counter(US=10)), limit)
    assert (found.messages["US"], found.reasons[Reason.SEGMENT_LIMIT]) == (messages, 5 - messages)
    assert found.segments["US"] <= limit
