"""A message that fails at every attempt: it holds up nobody, ends with a person, and is sent once when that person says so."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from models.accounts import Account
from models.campaigns import CampaignState
from models.messages import Message, MessageStatus
from models.settings import Setting
from sender import doubts, troubles
from sender.doubts import NotParked, Verdict
from sender.gateway import Gateway, Sent
from sender.worker import wall_clock
from tests.test_sender_worker import Stage, running, stage, until

__all__ = ["stage"]
POISON = 120
"""The ending of the number whose text cannot be sent."""
OTHERS = [121, 123, 124, 125, 126, 127, 128, 129]
S = MessageStatus


class Choking(Gateway):
    """A gateway that breaks over one number before anything leaves, as long as it is told to."""

    poisonous = True
    tried: Counter[str]

    async def send_async(self, *, to: str, **rest: Any) -> Sent:
        self.tried[to[-4:]] += 1
        if self.poisonous and to.endswith(f"{POISON:04}"):
            raise ValueError("this row is poison")
        return await super().send_async(to=to, **rest)


def choking(stage: Stage) -> type[Choking]:
    """A fresh kind of gateway, whose instances (there may be several) share what they saw."""
    return type("Choked", (Choking,), {"tried": Counter(), "poisonous": True})


def parked(stage: Stage) -> int:
    """The id of the one message that waits for a person."""
    with stage.database.reading() as session:
        return session.scalars(select(Message.id).where(Message.status == S.UNKNOWN)).one()


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_poison_row_is_isolated_parked_and_replayable_once(stage: Stage, attempts: int) -> None:
    """`max_attempts` bounds the attempts; meanwhile the others arrive; the button sends it once, and only once."""
    with stage.database.transaction() as session:
        session.add(Setting(account_id=0, name="max_attempts", value=attempts, updated_at=wall_clock()))
    gateway = choking(stage)

    def gateway_for(account: Account) -> Gateway:
        return gateway(account.twilio_sid or "", stage.token, base_url=stage.twilio_url, timeout=(1.0, 1.5))

    campaign = stage.campaign([POISON, *OTHERS])
    worker = stage.worker(gateway_for)
    with running(worker):
        until(lambda: all(stage.statuses().get(ending) is S.DELIVERED for ending in OTHERS))
        until(lambda: stage.statuses()[POISON] is S.UNKNOWN, seconds=30)
        assert gateway.tried == {f"{POISON:04}": attempts, **{f"{ending:04}": 1 for ending in OTHERS}}
        until(lambda: stage.state(campaign) is CampaignState.COMPLETED)
        with stage.database.transaction() as session:
            assert troubles.owe_troubles(session, now=wall_clock()) == 1

        key = parked(stage)
        replay(stage, key)
        until(
            lambda: stage.statuses()[POISON] is S.UNKNOWN and gateway.tried[f"{POISON:04}"] == attempts + 1, seconds=30
        )

        gateway.poisonous = False
        replay(stage, key)
        until(lambda: stage.statuses()[POISON] is S.DELIVERED)
        with pytest.raises(NotParked):
            replay(stage, key)
    stage.simulator.settle()
    assert set(stage.accepted().values()) == {1}
    assert len(stage.accepted()) == 1 + len(OTHERS)


def replay(stage: Stage, key: int) -> None:
    """What the button "Send again" does."""
    with stage.database.transaction() as session:
        doubts.decide(session, key, Verdict.SEND_AGAIN, now=wall_clock())
