"""Walking through the console as a person who makes a campaign does: texts, lists, drafts and sends."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from models.accounts import Account, SenderKind
from models.base import Database
from models.campaigns import Campaign
from tests.desk import Desk, Visitor
from tests.seeds import sender_of, template_version

MEMBERS = """member_id,name,mobile,ends_on
M1,Anna Berg,(212) 555-0111,Jan 3
M2,Łukasz Oak,(213) 555-0101,Jan 5
M3,Cara Diaz,12345,Jan 5
M4,Anna Again,212 555 0111,Jan 6
M5,Sean Doyle,+353 85 000 0001,Jan 6
M6,Una Lee,+44 20 7946 0001,Jan 6
M7,Max Lund,(214) 555-0166,
M8,Noor Patel,,Jan 9
M9,Grace Silva,(215) 555-0166,Jan 9
M10,Ben Cole,+1 212 555 0122,Jan 9
"""
"""Three who can be texted, and one for each of seven reasons; Ben said STOP (see `desk.furnish`)."""
SOURCE = "Harbor: Hi {{ first_name }}, your membership ends on {{ ends_on }}. Reply STOP to opt out."


def renewal(desk: Desk, *, name: str = "Renewal", source: str = SOURCE, account: Account | None = None) -> int:
    """A template; its id."""
    with desk.database.transaction() as session:
        version = template_version(session, session.get_one(Account, (account or desk.harbor).id), source, name=name)
        return version.template_id


def sender_id(database: Database, account: Account, kind: SenderKind = SenderKind.SHORT_CODE) -> int:
    """The id of the account's sender of a kind."""
    with database.reading() as session:
        return sender_of(session, account, kind).id


def picked(
    desk: Desk, template: int, *, name: str = "Winter", kind: SenderKind = SenderKind.SHORT_CODE
) -> dict[str, Any]:
    """What the first step puts into the address."""
    return {"name": name, "template": template, "sender": sender_id(desk.database, desk.harbor, kind)}


def upload(
    visitor: Visitor, chosen: Mapping[str, Any], content: bytes | str, filename: str = "members.csv"
) -> TestResponse:
    """Step 2 with a file."""
    data = content.encode() if isinstance(content, str) else content
    return visitor.send("/campaigns/audience/", {"file": (io.BytesIO(data), filename)}, **chosen)


def mapping(page: str) -> dict[str, str]:
    """The columns page as it would be posted untouched."""
    fields = {}
    for name, options in re.findall(r'<select id="column-\d+" name="(column-\d+)">(.*?)</select>', page, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    return fields | {"name": "Members"}


def draft(
    desk: Desk, visitor: Visitor, *, content: str = MEMBERS, name: str = "Winter", source: str = SOURCE, **more: Any
) -> int:
    """A campaign made page by page; its id."""
    chosen = picked(desk, renewal(desk, name=f"{name} text", source=source), name=name, **more)
    answer = upload(visitor, chosen, content)
    assert answer.status_code == 302, answer.text[:500]
    page = visitor.text(answer.location)
    answer = visitor.send(answer.location, mapping(page))
    assert answer.status_code == 302, re.sub(r"\s+", " ", answer.text)[-1500:]
    return int(re.findall(r"id=(\d+)", answer.location)[0])


def send(visitor: Visitor, campaign: int, *, people: int = 3, typed: str = "", **query: Any) -> TestResponse:
    """The last step."""
    return visitor.send("/campaigns/confirm/", {"recipients": str(people), "typed": typed}, id=campaign, **query)


def campaign_of(session: Session, key: int) -> Campaign:
    """The campaign as it is in the database."""
    return session.get_one(Campaign, key)


def only(session: Session, model: type[Any], account: Account) -> Any:
    """The account's one row of a table."""
    return session.scalars(select(model).where(model.account_id == account.id)).one()
