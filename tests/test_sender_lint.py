"""What do the records say about a wording, a campaign, a person or an account, as facts for the rules?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account, Profile, SenderKind, SendingNumber, Verification
from models.consent import ConsentKind, ConsentSource, Purpose
from models.countries import CountrySetting
from models.templates import Template
from sender import consent, lint_facts
from sender.compliance import lint
from sender.lint_subjects import AccountFacts, TemplateFacts
from sender.schedule import Window
from tests import seeds
from tests.conftest import NOW

ON = NOW.date()


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Harbor Association", ("Harbor Association", "Harbor")),
        ("The Society of Dentists, Inc.", ("The Society of Dentists, Inc.", "Dentists")),
        ("Association", ("Association",)), ("Acme", ("Acme",)),
    ],
)  # fmt: skip
def test_how_an_organisation_is_called(name: str, called: tuple[str, ...]) -> None:
    """In full, and without the words that every association has."""
    assert lint_facts.names(Account(name=name), ON) == called


def test_a_saved_wording(session: Session, account: Account) -> None:
    """What its template, its version, its senders and the countries say."""
    version = seeds.template_version(session, account, "Hi {{ name }} {{ due | default: 'soon' }}")
    version.media_url, version.language = "https://harbor.org/files/a%20b.jpg?x=1", "es"
    template = session.get_one(Template, version.template_id)
    template.purpose, template.use_case, template.category = Purpose.MARKETING, "help", "INFORMATION"
    facts = lint_facts.of_version(session, version, on=ON)
    assert facts.sender_kinds == {SenderKind.SHORT_CODE, SenderKind.TOLL_FREE}
    assert facts.regions == {"US", "CA", "GB"}
    assert facts.brands == ("Harbor Association", "Harbor")
    assert (facts.required, facts.role, facts.category) == ({"name"}, "help", "INFORMATION")
    assert (facts.purpose, facts.language) == (Purpose.MARKETING, "es")
    assert [media.name for media in facts.media] == ["a%20b.jpg"]
    one = lint_facts.of_version(session, version, on=ON, sender=seeds.sender_of(session, account), recurring=True)
    assert (one.sender_kinds, one.recurring) == ({SenderKind.SHORT_CODE}, True)
    template.use_case = "something else"
    assert lint_facts.of_version(session, version, on=ON).role == ""


def test_a_wording_that_is_no_template_yet(session: Session, account: Account) -> None:
    """A mistake in it does not keep the rules from looking at the rest."""
    facts = lint_facts.wording(session, account, "Casino {{ name", on=ON)
    assert facts.required == frozenset()
    assert "X11" in {one.rule for one in lint(facts, on=ON, profile=account.profile)}


def test_a_campaign(session: Session, account: Account) -> None:
    """Its sender's standing, where that matters."""
    toll_free = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    made = seeds.campaign(session, account, sender=toll_free)
    facts = lint_facts.of_campaign(session, made)
    assert (facts.sender_kind, facts.sender_verified) == (SenderKind.TOLL_FREE, False)
    assert [one.rule for one in lint(facts, on=ON, profile=account.profile)] == ["S01"]
    toll_free.verification = Verification.TWILIO_APPROVED
    assert lint(lint_facts.of_campaign(session, made), on=ON, profile=account.profile) == []
    other = seeds.campaign(session, account, name="Other")
    assert lint_facts.of_campaign(session, other).sender_verified is None


def test_an_account(session: Session, account: Account) -> None:
    """Its default sender, its countries for a collector, and consents that prove nothing."""
    assert lint(lint_facts.of_account(session, account), on=ON, profile=account.profile) == []
    for evidence, reason in (({}, ""), ({"file": "a.csv"}, ""), ({}, "By phone")):
        consent.append(
            session, account_id=account.id, phone="+12125550101", kind=ConsentKind.OPT_IN, source=ConsentSource.ADMIN, now=NOW,
            evidence=evidence, reason=reason,
        )  # fmt: skip
    for sender in account.senders:
        sender.is_default = False
    facts = lint_facts.of_account(session, account)
    assert facts == AccountFacts(regions=frozenset({"US", "CA", "GB"}), unproven_consents=1, default_sender=False)
    told = {one.rule for one in lint(facts, on=ON, profile=Profile.THIRD_PARTY_COLLECTOR)}
    assert told == {"X13", "N15", "S09"}


def test_a_recipient(session: Session, account: Account) -> None:
    """Consent by the ledger, country, line, window and whether anything was sent before."""
    (person,) = seeds.contacts(session, account, 1)
    person.address_region, person.line_type = "FL", "fixed_line"
    sender: SendingNumber = seeds.sender_of(session, account)
    setting = CountrySetting(account_id=account.id, region="US", name="US", enabled=False, mms=False, landlines=False)
    closed = Window(NOW + timedelta(hours=1), NOW + timedelta(hours=2), "later", held=False, open=False)

    def rules(**more: object) -> set[str]:
        facts = lint_facts.of_recipient(
            session, person, "Harbor: hello", purpose=Purpose.ACCOUNT, sender=sender, now=NOW, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        return {one.rule for one in lint(facts, on=ON, profile=account.profile)}

    assert rules() == {"N01", "S05"}
    assert rules(window=closed, setting=setting, media=True) == {"N01", "S05", "Q01", "S04", "M05"}
    for kind, expected in ((ConsentKind.OPT_IN, {"S05"}), (ConsentKind.OPT_OUT, {"N01", "N03", "S05"})):
        consent.append(
            session, account_id=account.id, phone=person.phone, kind=kind, source=ConsentSource.ADMIN, now=NOW
        )
        assert rules() == expected
    facts = lint_facts.of_recipient(session, person, "x", purpose=Purpose.ACCOUNT, sender=sender, now=NOW)
    assert (facts.places, facts.first_contact, facts.zones) == ({"US-FL"}, True, ("America/New_York",))
    seeds.sending_run(session, account, 1)
    facts = lint_facts.of_recipient(session, person, "x", purpose=Purpose.ACCOUNT, sender=sender, now=NOW)
    assert not facts.first_contact


def test_a_blank_stands_where_a_value_comes() -> None:
    """Places stay what they are, also for the other way of writing a field."""
    facts = TemplateFacts("a {{ name | default: ${x} }} ${first.name}{% if y %}b{% endif %}")
    assert len(facts.text) == len(facts.source)
    assert facts.text.split() == ["a", "b"]
    assert {"name", "first.name", "x", "y"} <= facts.used
