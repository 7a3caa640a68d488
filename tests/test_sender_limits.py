"""Tests of sender/limits.py: the tightest limit is named, a set one refuses a launch, and an unusual one is said to be."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind
from models.campaigns import Campaign
from models.settings import Setting
from sender.limits import Bound, problems, segment_limits
from sender.preview import preview
from tests.conftest import NOW
from tests.lists import campaign_to, listed
from tests.seeds import campaign, sender_of

B = Bound


@pytest.fixture
def made(session: Session, account: Account) -> Campaign:
    """A campaign from the short code (100 segments a second) of an account that allows 20,000 segments."""
    return campaign(session, account)


@pytest.mark.parametrize(
    ("own", "budget", "kind", "binding", "segments"),
    [
        (None, None, SenderKind.SHORT_CODE, B.ACCOUNT, 20_000),
        (19_999, None, SenderKind.SHORT_CODE, B.CAMPAIGN, 19_999),
        (20_000, None, SenderKind.SHORT_CODE, B.ACCOUNT, 20_000),
        (20_001, None, SenderKind.SHORT_CODE, B.ACCOUNT, 20_000),
        (None, 19_999, SenderKind.SHORT_CODE, B.BUDGET, 19_999),
        (5_000, 4_999, SenderKind.SHORT_CODE, B.BUDGET, 4_999),
        (5_000, 5_000, SenderKind.SHORT_CODE, B.CAMPAIGN, 5_000),
    ],
)
def test_the_tightest_limit_binds(
    session: Session,
    made: Campaign,
    own: int | None,
    budget: int | None,
    kind: SenderKind,
    binding: Bound,
    segments: int,
) -> None:
    """Of equal ones the account's, then the campaign's."""
    made.segment_limit, made.budget_u = own, budget and 10**6
    found = segment_limits(made, budget_segments=budget)
    assert (found.binding.bound, found.binding.segments) == (binding, segments)


def test_the_queue_binds_a_slow_sender(session: Session, account: Account, made: Campaign) -> None:
    """Ten hours of three segments a second are 108,000; each limit is a sentence that can stand alone."""
    made.sender = sender_of(session, account, SenderKind.TOLL_FREE)
    account.segment_limit = 1_000_000
    made.budget_u = 5 * 10**6
    found = segment_limits(made, budget_segments=200_000)
    assert [limit.sentence for limit in found.all] == [
        "Toll-free sends 3 segments a second, 108,000 in the ten hours of Twilio's queue.",
        "The budget of $5.00 is certain to pay for 200,000 segments.",
        "The account allows 1,000,000 segments for a campaign.",
    ]


@pytest.mark.parametrize(("needed", "codes"), [(4_999, []), (5_000, []), (5_001, ["campaign_limit"])])
def test_a_launch_over_a_set_limit_is_refused(session: Session, made: Campaign, needed: int, codes: list[str]) -> None:
    """At the limit it may go; one segment more and it may not."""
    made.segment_limit = 5_000
    found = [problem for problem in problems(session, made, needed=needed) if problem.blocking]
    assert [problem.code for problem in found] == codes


def test_the_refusal_says_what_to_do(session: Session, made: Campaign) -> None:
    """The binding limit first, then the others that it breaks; a budget and the queue warn."""
    made.segment_limit, made.budget_u = 19_000, 10**6
    found = problems(session, made, needed=4_000_000, budget_segments=78, estimated=True)
    assert [(problem.code, problem.blocking) for problem in found] == [
        ("budget_limit", False), ("campaign_limit", True), ("account_limit", True), ("queue_limit", False)
    ]  # fmt: skip
    assert found[1].sentence == (
        "This campaign allows itself 19,000 segments. This launch needs about 4,000,000. "
        "Raise its limit, or split it into batches on several days."
    )


@pytest.mark.parametrize(("limit", "unusual"), [(14_999, 1), (15_000, 0), (30_000, 0), (30_001, 1)])
def test_an_unusual_limit_is_said_to_be(
    session: Session, account: Account, made: Campaign, limit: int, unusual: int
) -> None:
    """Outside 15,000 to 30,000, which is a setting; it does not block."""
    made.segment_limit = limit
    found = problems(session, made, needed=1)
    assert [(problem.code, problem.blocking) for problem in found] == [("unusual_limit", False)] * unusual
    session.add(Setting(account_id=account.id, name="segment_limit_low", value=1, updated_at=NOW))
    session.flush()
    assert len(problems(session, made, needed=1)) == (1 if limit > 30_000 else 0)


@pytest.mark.parametrize("exact", [100_000, 3])
def test_the_preview_says_what_is_needed_whatever_the_limit(session: Session, account: Account, exact: int) -> None:
    """Twelve texts of two segments need 24, of which a limit of ten lets ten leave; also where it is an estimate."""
    phones = "\n".join(f"21255501{n:02}" for n in range(12))
    made = campaign_to(session, account, listed(session, account, f"Phone\n{phones}\n"), "x" * 200, segment_limit=10)
    found = preview(session, made, now=NOW, exact=exact)
    assert (found.segments, found.needed) == (10, 24)
