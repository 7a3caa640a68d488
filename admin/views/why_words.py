"""How is a decision about one person shown? The tone of its code, the title of each topic, who may change it, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import url_for

from admin import auth, error_codes
from admin.formatters import badge, moment, money, words
from models.campaigns import Campaign, Reason
from models.users import RoleName
from sender.evidence import Fact, Topic
from sender.explanation import Explanation, Standing
from sender.remedies import SENTENCES, Remedy

S, A, T = Standing, Remedy, Topic
TONES: Mapping[Standing, str] = {
    S.WOULD_BE_TEXTED: "ok", S.WOULD_WAIT: "info", S.WOULD_BE_HELD: "warn", S.WAITING: "info", S.LEAVING: "info",
    S.IN_DOUBT: "warn", S.PARKED: "warn", S.WITH_TWILIO: "info", S.SENT: "info", S.DELIVERED: "ok", S.READ: "ok",
    S.UNDELIVERED: "bad", S.FAILED: "bad",
}  # fmt: skip
TITLES: Mapping[Topic, str] = {
    T.LIST: "The list", T.NUMBER: "The number", T.COUNTRY: "The country, as it is set now", T.WINDOW: "The hours",
    T.TEXT: "The text", T.SENDER: "The sender", T.SENDING: "The sending", T.PRICE: "The price",
}  # fmt: skip
NEEDS: Mapping[Remedy, str] = {
    A.MEND_ROW: "campaign:edit", A.ENABLE_COUNTRY: "country:edit", A.ALLOW_LANDLINES: "country:edit",
    A.ALLOW_PICTURES: "country:edit", A.RAISE_CAP: "account:edit", A.CHANGE_HOURS: "country:edit",
    A.RE_SUBSCRIBE: "consent:edit", A.RELEASE: "consent:edit", A.CLEAR_FLAG: "flag:clear", A.MEET_RULE: "rule:view",
    A.SHORTEN_TEXT: "template:edit", A.SET_TIME_ZONE: "contact:edit", A.RAISE_LIMIT: "account:edit",
    A.SEND_AGAIN: "campaign:send", A.RESUME: "campaign:send", A.DECIDE: "message:decide", A.ADD_TO_LIST: "campaign:edit",
}  # fmt: skip
"""The right that each act needs."""


@dataclass(frozen=True)
class Act:
    """Something that would change it: what, who may, and the page for it where this person may."""

    remedy: Remedy
    said: str
    who: str
    url: str = ""


def tone(code: Reason | Standing) -> str:
    """The tone of a code's badge; a reason is no fault."""
    return TONES.get(code, "mut") if isinstance(code, Standing) else "warn"


def code_badge(code: Reason | Standing) -> object:
    """The code as a badge."""
    return badge(words(code), tone(code))


def who_may(right: str) -> str:
    """The roles that have a right: "An admin, an agent or a supervisor"."""
    names = [
        ("an " if role.value[0] in "aeiou" else "a ") + role.value for role in RoleName if role in auth.RIGHTS[right]
    ]
    said = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return said[0].upper() + said[1:]


def acts(found: Explanation) -> list[Act]:
    """What would change the outcome, with who may do it."""
    return [
        Act(one, SENTENCES[one], who_may(NEEDS[one]), _where(one, found) if auth.allowed(NEEDS[one]) else "")
        for one in found.remedies
    ]


def _where(remedy: Remedy, found: Explanation) -> str:
    """The page on which it is done, where there is one for this person's case."""
    if remedy in (A.RE_SUBSCRIBE, A.RELEASE) and found.consent is not None and found.consent.blocking is not None:
        return url_for("unsubscribes.allow", id=found.consent.blocking.id)
    if remedy is A.CLEAR_FLAG and found.flags:
        return url_for("flags.details_view", id=found.flags[0].id)
    if remedy is A.DECIDE and found.message is not None:
        return url_for("messages.details_view", id=found.message.id)
    if remedy is A.SET_TIME_ZONE and found.contact is not None:
        return url_for("contacts.edit_view", id=found.contact.id)
    if remedy is A.MEET_RULE:
        return url_for("guide.index", profile="all")
    if remedy is A.RAISE_CAP:
        return url_for("frequency.edit")
    if remedy in (A.ENABLE_COUNTRY, A.ALLOW_LANDLINES, A.ALLOW_PICTURES, A.CHANGE_HOURS):
        return _country(found)
    return url_for("campaigns.details_view", id=found.campaign.id) if remedy is A.RESUME else ""


def _country(found: Explanation) -> str:
    setting = next((fact.of[1] for fact in found.facts if fact.of and fact.of[0] == "country_setting"), None)
    return url_for("countries.edit_view", id=setting) if setting else url_for("countries.index_view")


PAGES = {
    "contact": ("contact:view", "contacts.details_view"), "country_setting": ("country:view", "countries.details_view"),
    "template": ("template:view", "templates.details_view"), "message": ("message:view", "messages.details_view"),
}  # fmt: skip


def link(fact: Fact, campaign: Campaign) -> str:
    """The page of the row that a fact stands on, where this person may open it."""
    table, key = fact.of or ("", 0)
    if table == "audience":
        return url_for("campaigns.loaded", id=campaign.id)
    right, endpoint = PAGES.get(table, ("", ""))
    return url_for(endpoint, id=key) if right and auth.allowed(right) else ""


def shown(fact: Fact) -> object:
    """A fact's value for people; "" where there is none."""
    if fact.value is None or fact.value == "":
        return ""
    if fact.topic is T.PRICE and isinstance(fact.value, int):
        return money(fact.value)
    if fact.name == "Error code" and isinstance(fact.value, int):
        meaning = error_codes.explain(fact.value)
        return f"{fact.value}: {meaning.meaning}. {meaning.what_to_do}." if meaning else str(fact.value)
    return fact.value if isinstance(fact.value, str | int) else moment(fact.value)


def by_topic(found: Explanation) -> list[tuple[str, list[tuple[str, object, str]]]]:
    """Topic by topic: (title, [(name, value, link)]), without what is not known and without prices for who may not see them."""
    listed = []
    for topic, title in TITLES.items():
        if topic is T.PRICE and not auth.allowed("cost:view"):
            continue
        facts = [fact for fact in found.facts if fact.topic is topic]
        rows = [(fact.name, shown(fact), link(fact, found.campaign)) for fact in facts]
        rows = [(name, value, url) for name, value, url in rows if value != ""]
        listed += [(title, rows)] if rows else []
    return listed
