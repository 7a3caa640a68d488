"""Is what the text says allowed, and fit to be carried? Rules X06, X07, X09 to X22."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import urlsplit

from models.accounts import SenderKind
from sender.lint_notice import LINK
from sender.lint_registry import Hit, rule
from sender.lint_subjects import AccountFacts, CampaignFacts, RecipientFacts, TemplateFacts, Worded
from sender.rule_table import Book, Severity

_HOST = re.compile(r"(?<![\w@./-])(?:https?://)?((?:[\w-]+\.)+[a-z]{2,24})(?=[/?#\s]|[.,;:!)]|$)", re.IGNORECASE)
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_LONG = re.compile(r"[\s:#.]*(?:is|number|no)?[\s:#.]*([A-Z]{2}\d{2}[A-Z0-9 ]{10,30}|\d{8,17})(?!\d)", re.IGNORECASE)
_DATE = re.compile(r"[\s:]*(?:is|on)?[\s:]*(?:\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}-\d{2}-\d{2})", re.IGNORECASE)
_AMOUNT = re.compile(r"[$£€]\s?\d|\d\s?(?:usd|dollars)\b", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_SHOUT = re.compile(r"!{2,}|(?:![^!]*){3,}")


@rule("X06", RecipientFacts)
def undisclosed(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """A first contact without the full disclosure, a later one without the short one."""
    text = facts.text
    if facts.first_contact and not (book.has("first_disclosure", text) and book.has("first_purpose", text)):
        yield Hit(
            "The first contact does not say that it is an attempt to collect a debt and what information is used for."
        )
    elif not facts.first_contact and not book.has("later_disclosure", text):
        yield Hit("The text does not say that it is from a debt collector.")


@rule("X07", TemplateFacts)
def limited_content(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """The category that no text can have."""
    if facts.category == "LIMITED_CONTENT":
        yield Hit("The category is LIMITED_CONTENT, which a text cannot be.")


@rule("X09", TemplateFacts)
def shortener(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """A link through a shortener that anybody uses."""
    shared = book.words("shortener")
    for match in _HOST.finditer(facts.text):
        host = match[1].lower().removeprefix("www.")
        if host in shared:
            yield Hit(f"{host} is a shortener that anybody uses.", match.span(1))


@rule("X10", TemplateFacts)
def foreign_link(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """A link without encryption, to a bare address, or to a domain that is not the account's."""
    for match in LINK.finditer(facts.text):
        link = match[0] if "://" in match[0] else f"//{match[0]}"
        host = _host(link)
        if _machine(host):
            yield Hit("A link leads to the bare address of a machine.", match.span())
        elif link.lower().startswith("http:"):
            yield Hit(f"The link to {host} is not encrypted.", match.span(), fix=f"Write https://{host}…")
        elif facts.domains is not None and not any(host == own or host.endswith(f".{own}") for own in facts.domains):
            yield Hit(f"{host} is not a domain of the account.", match.span())


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").rstrip(".,;:!)")
    except ValueError:  # a bracket that is no address
        return ""


def _machine(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@rule("X11", TemplateFacts)
def forbidden(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """Wordings of a forbidden category."""
    yield from _quoted(book.found("forbidden", facts.text), facts.text, "is a wording of a category that is forbidden")


@rule("X12", TemplateFacts)
def shaft(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """Sex, hate, firearms, tobacco; alcohol without an age gate, or from a toll-free number."""
    yield from _quoted(book.found("shaft", facts.text), facts.text, "is content that carriers forbid")
    if not facts.age_gate or SenderKind.TOLL_FREE in facts.sender_kinds:
        lacking = (
            "is alcohol, which a toll-free number does not carry"
            if facts.age_gate
            else "is alcohol without an age gate"
        )
        yield from _quoted(book.found("alcohol", facts.text), facts.text, lacking)


def _quoted(found: list[tuple[int, int]], text: str, what: str, severity: Severity | None = None) -> Iterator[Hit]:
    """One hit that quotes the first place and counts the rest."""
    if found:
        more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
        yield Hit(f"“{text[slice(*found[0])]}” {what}{more}.", found[0], severity=severity)


@rule("X13", AccountFacts)
def collector_with_twilio(facts: AccountFacts, _: Book) -> Iterator[Hit]:
    """A third-party collector that sends through Twilio to the United States or Canada."""
    there = sorted(facts.regions & {"US", "CA"})
    if facts.provider == "twilio" and there:
        yield Hit(f"Twilio forbids third-party collection in {' and '.join(there)}.")


@rule("X14", TemplateFacts, RecipientFacts)
def secrets(facts: Worded, book: Book) -> Iterator[Hit]:
    """Numbers that steal an identity; they are placed, never repeated."""
    text = facts.text
    for match in _SSN.finditer(text):
        yield Hit("It looks like a social security number.", match.span())
    for match in _CARD.finditer(text):
        if _luhn(match[0]):
            yield Hit("It looks like a card number.", match.span())
    for kind, name, after in (("account_word", "an account number", _LONG), ("birth_word", "a date of birth", _DATE)):
        for start, end in book.found(kind, text):
            if number := after.match(text, end):
                yield Hit(f"It looks like {name}.", (start, number.end()))


def _luhn(digits: str) -> bool:
    """Whether the check digit of a card fits."""
    numbers = [int(digit) for digit in reversed(digits) if digit in "0123456789"]
    doubled = (sum(divmod(2 * number, 10)) for number in numbers[1::2])
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0


@rule("X15", TemplateFacts)
def lock_screen(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """Something private among the first characters."""
    seen = facts.text[: book.limit("lock_screen_characters")]
    amount = _AMOUNT.search(seen)
    found = book.found("disclosure", seen) or ([amount.span()] if amount else [])
    yield from _quoted(found, seen, "is read by anybody near the phone")


@rule("X16", TemplateFacts)
def threat(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """Wordings that threaten or hurry."""
    yield from _quoted(book.found("threat", facts.text), facts.text, "threatens or hurries")


@rule("X17", TemplateFacts)
def not_there(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """Fields that no list has; recipients who would get no text."""
    unknown = sorted(facts.required - facts.known_fields) if facts.known_fields is not None else []
    if unknown:
        yield Hit(f"No list has {', '.join(unknown)}, and there is no default.", _field(facts.source, unknown[0]))
    elif facts.lacking:
        people = "1 recipient lacks" if facts.lacking == 1 else f"{facts.lacking:,} recipients lack"
        yield Hit(f"{people} a value without a default and would get no text.", severity=Severity.WARN)


def _field(source: str, name: str) -> tuple[int, int] | None:
    at = source.find(name)
    return (at, at + len(name)) if at >= 0 else None


@rule("X18", TemplateFacts)
def validation(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """A validation notice without a basis on record."""
    if "validation" in facts.legal_basis:
        return
    found = book.found("validation", facts.text)
    if facts.category == "VALIDATION_NOTICE" and not found:
        yield Hit("The category is VALIDATION_NOTICE, and no basis for sending it by text is on record.")
    yield from _quoted(found, facts.text, "belongs to a validation notice, and no basis is on record")


@rule("X19", TemplateFacts)
def fee(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """A fee without a basis on record."""
    if "fee" not in facts.legal_basis:
        yield from _quoted(book.found("fee", facts.text), facts.text, "is a fee, and no basis for it is on record")


@rule("X20", TemplateFacts)
def spam(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """What filters take for spam, all of it in one sentence."""
    text = facts.text
    letters = _LETTER.findall(text)
    capitals = sum(map(str.isupper, letters))
    signs = []
    if len(letters) >= book.limit("capitals_least") and capitals * 100 > book.limit("capitals_percent") * len(letters):
        signs.append(f"{capitals * 100 // len(letters)}% capitals")
    if _SHOUT.search(text):
        signs.append("repeated exclamation marks")
    emoji = 0 if text.isascii() else list(map(unicodedata.category, text)).count("So")
    if emoji > book.limit("emoji"):
        signs.append(f"{emoji} emoji")
    said = list(dict.fromkeys(text[slice(*place)].lower() for place in book.found("spam", text)))
    if len(said) >= book.limit("spam_words"):
        signs.append(", ".join(f"“{word}”" for word in said[:4]))
    if signs:
        yield Hit(f"It has {'; '.join(signs)}.")


@rule("X21", TemplateFacts)
def language(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """Another language than the recipients', or a word for stopping in another one."""
    own = facts.language.partition("-")[0].lower()
    others = sorted(lang for lang in facts.recipient_languages if lang.partition("-")[0].lower() != own)
    if own and others:
        yield Hit(f"The text is in {own}, and there are recipients whose language is {', '.join(others)}.")
    known = book.words("opt_out_notice", own) if own else ()
    if known and book.has("opt_out_notice", facts.text) and not book.has("opt_out_notice", facts.text, own):
        yield Hit(f"The word for stopping is not one of the text's language ({own}).")


@rule("X22", CampaignFacts)
def again(facts: CampaignFacts, book: Book) -> Iterator[Hit]:
    """The same text to the same person."""
    most = book.limit("identical_texts")
    if facts.identical_before >= most:
        yield Hit(f"Somebody has had this very text {facts.identical_before} times; at most {most}.")
