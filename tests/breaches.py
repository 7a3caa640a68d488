"""For each rule, subjects that keep it and subjects that break it: the table that the tests of the linter are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from models.accounts import Profile, SenderKind
from models.consent import Purpose
from sender.lint_subjects import (
    AccountFacts,
    CampaignFacts,
    InboundFacts,
    Media,
    RecipientFacts,
    Subject,
    TemplateFacts,
)
from tests.conftest import NOW

COLLECTOR = Profile.THIRD_PARTY_COLLECTOR
MARKETING = Purpose.MARKETING
T, C, R, W, IN = TemplateFacts, CampaignFacts, RecipientFacts, AccountFacts, InboundFacts
TOLL_FREE, NAME = frozenset({SenderKind.TOLL_FREE}), frozenset({SenderKind.ALPHANUMERIC})
LONG = "a" * 161
FULL = (
    "Harbor alerts: you are in. Msg frequency varies. Msg&data rates may apply. Reply HELP for help, STOP to opt out."
)
MIRANDA = "This is an attempt to collect a debt and any information obtained will be used for that purpose. Reply STOP to end."
LATER = NOW - timedelta(days=100)


@dataclass(frozen=True)
class Case:
    """Subjects that keep one rule, and subjects that break it, in a profile that it applies to."""

    keeps: tuple[Subject, ...]
    breaks: tuple[Subject, ...]
    profile: Profile = Profile.ASSOCIATION


def picture(name: str = "a.jpg", kind: str = "image/jpeg", size: int = 100_000, **more: str) -> TemplateFacts:
    """A text with one attachment."""
    return T("Look", media=(Media(name, kind, size, **more),))  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    "K01": Case(
        (T("Plain"), T("€ {{ name }}"), C()), (T("It’s due"), T("x" * 80 + "“"), C(dear_characters="’", dear_extra=5))
    ),
    "K02": Case((T("a" * 160), T("a" * 169), T("a" * 306)), (T(LONG), T("a" * 168), T("a" * 314))),
    "K03": Case(
        (C(segment_counts={1: 95, 2: 5}), C(segment_counts={2: 10}), C()), (C(segment_counts={1: 94, 2: 5, 3: 1}),)
    ),
    "K04": Case((C(),), (C(ucs2_by_value=3, ucs2_extra=3), C(ucs2_by_value=1, ucs2_extra=1, segment_price_u=8_300))),
    "K05": Case(
        (T("a" * 1_600), R(text="a" * 1_600)), (T("a" * 1_601), R(text="a" * 1_601), T("{{ x }}", body="a" * 1_700))
    ),
    "K06": Case(
        (T("a" * 400, segment_price_u=8_300, mms_price_u=30_000), T("a" * 400)),
        (T("a" * 700, segment_price_u=8_300, mms_price_u=30_000),),
    ),
    "K07": Case((T("a\nb"),), (T("a\r\nb"), T("a\rb"))),
    "K08": Case((T("é"), T("Łukasz")), (T("e\u0301"), T("caf\u0065\u0301 n\u0303"))),
    "K09": Case(
        (T("plain text"), T("👨\u200d👩\u200d👧")), (T("a\u200bb"), T("a\u00a0b"), T("a\u200db"), T("\ufeffa"))
    ),
    "K10": Case(
        (C(counted_body="Hi. Reply STOP to end", appended=("Reply STOP to end",)), C()),
        (C(counted_body="Hi.", appended=("Reply STOP to end",)),),
    ),
    "M01": Case((picture(),), (T("", media=(Media("a.jpg"), Media("b.jpg"))),)),
    "M02": Case((picture(),), (T("", media=(Media("a.jpg", "image/jpeg"), Media("b.pdf", "application/pdf"))),)),
    "M03": Case(
        (picture(size=500_000), T("", media=(Media("a.jpg"),))),
        (
            picture(size=500_001),
            picture(size=1_000_001),
            picture(size=5_000_001),
            T("", sender_kinds=TOLL_FREE, media=(Media("a.jpg", "image/jpeg", 600_001),)),
        ),
    ),
    "M04": Case(
        (picture(), T("", media=(Media("a.pdf", "application/pdf; x=y", 1, "application/pdf", public=True),))),
        (
            picture(kind="image/webp"),
            picture(actual_type="image/png"),
            T("", media=(Media("a.jpg", "image/jpeg", 1, None, public=False),)),
        ),
    ),
    "M05": Case((R(media=True, mms_there=True), R(mms_there=False)), (R(media=True, mms_there=False, region="DE"),)),
    "M06": Case((picture("a-b_c.jpg"),), (picture("a b.jpg"), picture("a" * 21), picture("a&b.jpg"))),
    "M07": Case((IN("hello"),), (IN("", media=1), IN("look", media=2))),
    "N01": Case((R(consent=True), R()), (R(consent=False),)),
    "N02": Case(
        (R(purpose=MARKETING, consent=True, written=True), R(consent=True, written=False)),
        (R(purpose=MARKETING, consent=True, written=False, region="US"),),
    ),
    "N03": Case((R(), R(opted_out=True, confirms_opt_out=True)), (R(opted_out=True),)),
    "N04": Case((W(),), (W(oldest_revocation_days=0), W(oldest_revocation_days=5), W(oldest_revocation_days=10))),
    "N05": Case(
        (IN("we must stop this bill"), IN("thanks"), IN("")), (IN(" Stop. "), IN("OPT-OUT"), IN("🛑"), IN("arrêt"))
    ),
    "N06": Case(
        (IN("we must stop this bill"), IN("stop")), (IN("I would rather you did not text me any more, please"),)
    ),
    "N07": Case(
        (
            R(
                "You are unsubscribed from Harbor.",
                confirms_opt_out=True,
                now=NOW,
                revoked_at=NOW - timedelta(minutes=5),
            ),
            R("Big sale"),
        ),
        (
            R("Done.", confirms_opt_out=True, confirmations_before=1),
            R("Done.", confirms_opt_out=True, now=NOW, revoked_at=NOW - timedelta(minutes=6)),
            R("Done. 20% off if you stay", confirms_opt_out=True),
            R("Done. https://harbor.org", confirms_opt_out=True),
        ),
    ),
    "N08": Case(
        (R(asked_kinds=True, answered_kinds=True), R(asked_kinds=True, stopped=frozenset({Purpose.ALL})), R()),
        (R(asked_kinds=True), R(asked_kinds=True, stopped=frozenset({MARKETING}))),
    ),
    "N09": Case(
        (R(), R(stopped=frozenset({Purpose.ACCOUNT})), R(stopped=frozenset({Purpose.ALL}))),
        (R(stopped=frozenset({MARKETING})),),
    ),
    "N10": Case(
        (T(FULL, role="opt_in_confirmation", brands=("Harbor",)), T("Hello")),
        (T("Harbor alerts: you are in. Reply STOP to end.", role="opt_in_confirmation", brands=("Harbor",)),),
    ),
    "N11": Case(
        (
            T("Reply START to subscribe again."),
            T("Reply YES to receive msgs."),
            T("Reply YES to vote."),
            T("Reply STOP to get no more."),
        ),
        (
            T("Reply SIGNUP to subscribe again."),
            T("Reply YES to receive msgs.", sender_kinds=TOLL_FREE),
            T("Text 'join' to rejoin"),
        ),
    ),
    "N12": Case((W(consent_sources=frozenset({"form"})),), (W(consent_sources=frozenset({"Purchased"})),)),
    "N13": Case(
        (R(now=NOW, last_contact_at=NOW - timedelta(days=60)), R(now=NOW)),
        (R(now=NOW, last_contact_at=NOW - timedelta(days=60, seconds=1), region="US"),),
        COLLECTOR,
    ),
    "N14": Case(
        (R(), R(agreed_at=NOW, reassigned_at=LATER)), (R(agreed_at=LATER, reassigned_at=NOW), R(reassigned_at=NOW))
    ),
    "N15": Case((W(),), (W(unproven_consents=2),)),
    "N16": Case(
        (
            R(purpose=MARKETING, region="GB", text_consent=True),
            R(
                purpose=MARKETING,
                region="GB",
                text_consent=False,
                soft_opt_in=frozenset({"sale", "similar", "refusal"}),
            ),
            R(purpose=MARKETING, region="US", text_consent=False),
            R(region="GB", text_consent=False),
        ),
        (R(purpose=MARKETING, region="GB", text_consent=False, soft_opt_in=frozenset({"sale"})),),
    ),
    "N17": Case(
        (
            R(region="CA", now=NOW, agreed_at=NOW - timedelta(days=730), implied="purchase"),
            R(region="CA", now=NOW, agreed_at=LATER),
        ),
        (
            R(region="CA", now=NOW, agreed_at=NOW - timedelta(days=731), implied="purchase"),
            R(region="CA", now=NOW, agreed_at=NOW - timedelta(days=184), implied="enquiry"),
        ),
    ),
    "N18": Case(
        (R(places=frozenset({"US-NY"}), electronic_consent=True), R(places=frozenset({"US-TX"}))),
        (R(places=frozenset({"US-NY"})), R(places=frozenset({"US-DC"}), electronic_consent=False, region="US")),
        COLLECTOR,
    ),
    "N19": Case((R(),), (R(flags=frozenset({"no_texts"})),), COLLECTOR),
    "N20": Case(
        (R(), R(flags=frozenset({"no_texts"}))),
        (R(flags=frozenset({"attorney"})), R(flags=frozenset({"bankruptcy"}))),
        COLLECTOR,
    ),
    "X01": Case(
        (
            T("Harbor: reply STOP to opt out"),
            R("Txt STOP to end"),
            T("Alto para cancelar"),
            T("Unsubscribe at https://harbor.org/out"),
        ),
        (T("Harbor: your balance is due"), R("Call us"), T("We never stop caring. Reply YES.")),
        COLLECTOR,
    ),
    "X02": Case(
        (
            T("Sale! Reply STOP to end", purpose=MARKETING),
            T("Sale!", purpose=MARKETING, days_since_notice=30),
            T("Your receipt"),
        ),
        (T("Sale!", purpose=MARKETING), T("Weekly", recurring=True, days_since_notice=31)),
    ),
    "X03": Case(
        (T("Reply STOP", sender_kinds=TOLL_FREE), T("Hello", sender_kinds=NAME)),
        (T("Reply STOP to end", sender_kinds=NAME),),
    ),
    "X04": Case(
        (T("Call to opt out or reply STOP"), T("Hello"), T("Call to opt out: https://harbor.org/out")),
        (T("To opt out call 212 555 0100"), T("Write to us to opt out")),
        COLLECTOR,
    ),
    "X05": Case(
        (
            T("Harbor: hello", brands=("Harbor Association", "Harbor")),
            T("Hello"),
            T("Hi from {{ company_name }}", brands=("Harbor",)),
            T("Hello", brands=("Harbor",), sender_kinds=NAME),
        ),
        (T("Hello {{ name }}", brands=("Harbor",)), T("Hello", brands=("Harbor",), sender_kinds=NAME | TOLL_FREE)),
    ),
    "X06": Case(
        (R(MIRANDA, first_contact=True), R("From a debt collector. Reply STOP")),
        (R("From a debt collector", first_contact=True), R("Reply STOP")),
        COLLECTOR,
    ),
    "X07": Case((T("Hello"),), (T("Hello", category="LIMITED_CONTENT"),)),
    "X08": Case(
        (
            T("Harbor: call +1 212 555 0100", role="help", brands=("Harbor",)),
            T("Call {{ company_name }} at {{ phone }}", role="help"),
            T("Hi"),
        ),
        (
            T("We will help you", role="help", brands=("Harbor",)),
            T("Harbor: we are here", role="help", brands=("Harbor",)),
        ),
    ),
    "X09": Case(
        (T("https://harbor.org/bit.ly"), T("notbit.ly"), T("bit.ly.example.com")),
        (T("See bit.ly/3x"), T("https://t.co/a"), T("(HTTPS://TinyURL.com/x)")),
    ),
    "X10": Case(
        (T("https://harbor.org/pay"), T("https://pay.harbor.org", domains=frozenset({"harbor.org"}))),
        (
            T("http://harbor.org"),
            T("https://10.0.0.1/pay"),
            T("https://[::1]/"),
            T("https://harbor.org.evil.com", domains=frozenset({"harbor.org"})),
            T("www.other.org", domains=frozenset({"harbor.org"})),
        ),
    ),
    "X11": Case(
        (T("Your dues are due. We borrow books."),),
        (T("Payday loans today"), T("Buy Bitcoin"), T("Debt relief for you")),
    ),
    "X12": Case(
        (T("Meet at the riverside"), T("Wine evening", age_gate=True)),
        (T("Firearms for sale"), T("Wine evening"), T("Wine evening", age_gate=True, sender_kinds=TOLL_FREE)),
    ),
    "X13": Case(
        (W(regions=frozenset({"GB"})), W(provider="other", regions=frozenset({"US"}))),
        (W(regions=frozenset({"US", "GB"})),),
        COLLECTOR,
    ),
    "X14": Case(
        (
            T("Call 212-555-0100"),
            T("Order 4111111111111112"),
            T("Account ending 1234"),
            T("Member since 01/02/2020"),
            R("Your code is 123456"),
        ),
        (
            T("SSN 123-45-6789"),
            R("Card 4111 1111 1111 1111"),
            T("Account number: 123456789"),
            T("DOB 01/02/1980"),
            T("IBAN DE89 3704 0044 0532 0130 00"),
        ),
    ),
    "X15": Case(
        (T("Harbor: please call us about a private business matter today. Balance $20"),),
        (T("You owe $20"), T("Your hospital bill"), T("Pay $20 now")),
        COLLECTOR,
    ),
    "X16": Case(
        (T("Please call us"), T("We have issued a card")),
        (T("Final notice"), T("You will be arrested"), T("Pay within 24 hours")),
        COLLECTOR,
    ),
    "X17": Case(
        (
            T("{{ due }}", required=frozenset({"due"}), known_fields=frozenset({"due"})),
            T("{{ x }}", required=frozenset({"x"})),
        ),
        (T("{{ deu }}", required=frozenset({"deu"}), known_fields=frozenset({"due"})), T("{{ due }}", lacking=3)),
    ),
    "X18": Case(
        (T("Hello"), T("Dispute this debt", legal_basis=frozenset({"validation"}))),
        (T("You may dispute this debt"), T("Hello", category="VALIDATION_NOTICE")),
        COLLECTOR,
    ),
    "X19": Case(
        (T("No charge"), T("A convenience fee", legal_basis=frozenset({"fee"}))),
        (T("A convenience fee of $2 applies"),),
        COLLECTOR,
    ),
    "X20": Case(
        (T("Your dues are due on Friday!"), T("DUES"), T("🎉🎉")),
        (T("YOUR DUES ARE DUE ON FRIDAY"), T("Now!!"), T("🎉🎉🎉🎉🎉"), T("Free cash for the winner")),
    ),
    "X21": Case(
        (T("Hola. Responda ALTO", language="es", recipient_languages=frozenset({"es-MX"})), T("Hello")),
        (
            T("Hello", language="en", recipient_languages=frozenset({"es"})),
            T("Hola. Reply STOP to end", language="es"),
        ),
    ),
    "X22": Case((C(identical_before=4),), (C(identical_before=5),)),
    "Q01": Case(
        (
            R(window_open=True),
            R(),
            R(window_open=False, exempt_hours=True),
            R(window_open=False, confirms_opt_out=True),
        ),
        (R(window_open=False), R(window_open=False, window_held=True)),
    ),
    "Q02": Case(
        (R(zones=("America/New_York", "America/Chicago")), R(zones=("America/New_York",), zones_agree=False)),
        (R(zones=("America/New_York", "America/Chicago"), zones_agree=False),),
    ),
    "Q03": Case(
        (C(finishes_at=NOW, window_closes_at=NOW), C()),
        (C(finishes_at=NOW + timedelta(hours=1), window_closes_at=NOW),),
    ),
    "Q04": Case(
        (R(now=NOW, closes_at=NOW + timedelta(minutes=1), validity_seconds=60), R()),
        (
            R(now=NOW, closes_at=NOW + timedelta(minutes=1), validity_seconds=61),
            R(now=NOW, closes_at=NOW + timedelta(days=1), validity_seconds=36_001),
        ),
    ),
    "Q05": Case((C(late=timedelta(minutes=15)), C()), (C(late=timedelta(minutes=16)),)),
    "Q06": Case((R(),), (R(special="clocks change tonight"),)),
    "Q07": Case((R(),), (R(bad_time=True),)),
    "Q08": Case(
        (
            T("Paid", category="INFORMATION", event_origin=True),
            T("Paid", category="INFORMATION", bulk=False),
            T("Paid"),
        ),
        (T("Paid", category="INFORMATION"),),
    ),
    "F01": Case(
        (R(purpose=MARKETING, sent_on_subject=2), R(sent_on_subject=9)),
        (
            R(purpose=MARKETING, sent_on_subject=3),
            R(purpose=MARKETING, sent_on_subject=3, places=frozenset({"US-FL"}), region="US"),
        ),
    ),
    "F02": Case((R(sent_day=2, cap_day=3), R(sent_day=9)), (R(sent_day=3, cap_day=3), R(sent_week=5, cap_week=5))),
    "F03": Case((R(attempts=6),), (R(attempts=7),), COLLECTOR),
    "F04": Case(
        (R(invitation=True, invitations=1, invitations_allowed=2), R(invitations=9, invitations_allowed=2)),
        (R(invitation=True, invitations=2, invitations_allowed=2),),
    ),
    "F05": Case(
        (R(no_one_available=True, now=NOW, no_one_available_at=NOW - timedelta(hours=24)), R(no_one_available=True)),
        (R(no_one_available=True, now=NOW, no_one_available_at=NOW - timedelta(hours=23, minutes=59)),),
    ),
    "S01": Case(
        (
            C(sender_kind=SenderKind.TOLL_FREE, sender_verified=True),
            C(sender_kind=SenderKind.SHORT_CODE, sender_verified=False),
        ),
        (C(sender_kind=SenderKind.TOLL_FREE, sender_verified=False, regions=frozenset({"US"})),),
    ),
    "S02": Case(
        (C(sender_kind=SenderKind.LONG_CODE, ten_dlc_approved=True), C(sender_kind=SenderKind.LONG_CODE)),
        (C(sender_kind=SenderKind.LONG_CODE, ten_dlc_approved=False),),
    ),
    "S03": Case(
        (R(sender_kind=SenderKind.ALPHANUMERIC, region="GB"), R(sender_kind=SenderKind.SHORT_CODE, region="US")),
        (
            R(sender_kind=SenderKind.ALPHANUMERIC, region="US"),
            R(sender_kind=SenderKind.ALPHANUMERIC, region="SG", registration_needed=True),
        ),
    ),
    "S04": Case(
        (R(country_enabled=True, permitted=True), R()), (R(country_enabled=False), R(permitted=False, region="DE"))
    ),
    "S05": Case(
        (R(line_type="mobile"), R(line_type="fixed_line", landlines=True), R()),
        (R(line_type="fixed_line"), R(line_type="premium_rate", landlines=True), R(valid=False)),
    ),
    "S06": Case((C(segments=10, segment_limit=10), C(segments=99)), (C(segments=11, segment_limit=10),)),
    "S07": Case(
        (C(segments=108_000, segments_per_second=3), C(segments=10**9)), (C(segments=108_001, segments_per_second=3),)
    ),
    "S08": Case((W(),), (W(sender_edited=True),)),
    "S09": Case((W(default_sender=True), W()), (W(default_sender=False),)),
    "S10": Case((C(tested_since_edit=True), C()), (C(tested_since_edit=False),)),
    "B01": Case((C(forecast_u=10, budget_u=10), C(forecast_u=10)), (C(forecast_u=11, budget_u=10),)),
    "B02": Case(
        (C(audience=1_000, avoidable=9), C()),
        (C(audience=1_000, avoidable=10), C(audience=100, avoidable=1, message_price_u=1_000)),
    ),
    "B03": Case(
        (C(), R(), C(thousand_block=49, sequential=9, price_multiple=4)),
        (
            C(new_regions=frozenset({"LV"})),
            C(thousand_block=50),
            C(sequential=10),
            C(price_multiple=5),
            R(suspicious=("no replies",)),
        ),
    ),
    "B04": Case((C(),), (C(missing_rates=("DE",)),)),
}
