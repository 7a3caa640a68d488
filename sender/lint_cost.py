"""What does a wording cost more than it has to? Rules K01 to K10: encoding, boundaries, lengths."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from models.money import show
from models.segments import BASIC, EXTENSION, Encoding, Measure, explain, measure
from sender.lint_registry import Hit, rule
from sender.lint_subjects import CampaignFacts, RecipientFacts, TemplateFacts, Worded
from sender.rule_table import Book, Severity

NAMED = 5
"""Characters that are written out before the rest is counted."""
DEAR = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")
_APART = re.compile("[^\u0300-\u036f][\u0300-\u036f]{1,4}")
_UNSEEN = re.compile("[\u00a0\u00ad\u180e\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]")
_JOINER = "\u200d"


def money(facts: TemplateFacts, segments: int) -> str:
    """What so many segments a text are for the audience, as an addition to a sentence; "" where nobody knows."""
    if facts.segment_price_u is None or not facts.recipients:
        return ""
    return f", {show(segments * facts.recipients * facts.segment_price_u)} for {facts.recipients:,} recipients"


@lru_cache(2048)
def _instead(char: str) -> str | None:
    """What to write instead of one character; None where nothing fits."""
    found = explain(char)
    return found[0].replacement if found else char


def _told(char: str) -> str:
    """A character by sight, name, code point and replacement."""
    instead = _instead(char)
    shown = char if char.isprintable() and not char.isspace() else "·"
    advice = "" if instead is None else f", write “{instead}”" if instead else ", leave it out"
    name = unicodedata.name(char, "a character without a name").lower()
    return f"{shown} ({name}, U+{ord(char):04X}{advice})"


@rule("K01", TemplateFacts)
def ucs2(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """The characters outside GSM-7, each once, and what they cost."""
    dear = list(dict.fromkeys(DEAR.findall(facts.text)))
    if not dear:
        return
    now = measure(facts.counted).segments
    extra = max(0, now - _segments_without(facts.counted, dear))
    cost_u = extra * facts.recipients * (facts.segment_price_u or 0)
    more = f" and {len(dear) - NAMED} more" if len(dear) > NAMED else ""
    first = facts.text.index(dear[0])
    yield Hit(
        f"{', '.join(map(_told, dear[:NAMED]))}{more}: {_saved(facts, now, extra)}{money(facts, extra)}.",
        where=(first, first + 1),
        severity=Severity.ERROR if cost_u > book.limit("ucs2_cost") else None,
    )


def _segments_without(text: str, dear: list[str]) -> int:
    """The segments with each of the characters replaced; those of the text where one of them has no replacement."""
    instead = {}
    for char in dear:
        instead[ord(char)] = _instead(char)
        if instead[ord(char)] is None:
            return measure(text).segments
    return measure(text.translate(instead)).segments


def _saved(facts: TemplateFacts, now: int, extra: int) -> str:
    if not facts.exact:
        return "a segment holds 70 characters instead of 160"
    size = f"{now} segment{'' if now == 1 else 's'}"
    return f"{size}, {now - extra} with all replaced" if extra else f"{size} of 70 characters instead of 160"


@rule("K01", CampaignFacts)
def ucs2_for_all(facts: CampaignFacts, book: Book) -> Iterator[Hit]:
    """What the wording's own characters outside GSM-7 cost for the whole audience."""
    if facts.dear_characters:
        cost_u = facts.dear_extra * (facts.segment_price_u or 0)
        price = f", {show(cost_u)}" if facts.segment_price_u is not None else ""
        shown = " ".join(facts.dear_characters[:NAMED])
        severity = Severity.ERROR if cost_u > book.limit("ucs2_cost") else None
        yield Hit(
            f"{shown} in the wording: {facts.dear_extra:,} segments more for everybody{price}.", severity=severity
        )


@rule("K02", TemplateFacts)
def just_over(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """How many characters to remove to save a segment, where they are few."""
    text, reach = facts.counted, book.limit("boundary_characters")
    segments = measure(text).segments
    if not facts.exact or segments < 2 or measure(text[: len(text) - reach]).segments >= segments:
        return
    few = next(count for count in range(1, reach + 1) if measure(text[: len(text) - count]).segments < segments)
    yield Hit(f"{few} character{'s' if few > 1 else ''} less would be one segment less{money(facts, 1)}.")


@rule("K03", CampaignFacts)
def spread(facts: CampaignFacts, book: Book) -> Iterator[Hit]:
    """The share of recipients whose text is longer than the typical one."""
    counts = sorted(facts.segment_counts.items())
    total = sum(count for _, count in counts)
    if not total:
        return
    base = _at(counts, total, 50)
    longer = sum(count for segments, count in counts if segments > base)
    if longer * 100 > book.limit("longer_recipients") * total:
        figures = f"half get {base} or fewer, 95% {_at(counts, total, 95)}, the longest {counts[-1][0]}"
        yield Hit(f"{longer:,} of {total:,} recipients get more segments than the typical one: {figures}.")


def _at(counts: list[tuple[int, int]], total: int, percent: int) -> int:
    """The segments that so many percent of the texts do not exceed."""
    seen = 0
    for segments, count in counts:
        seen += count
        if seen * 100 >= percent * total:
            return segments
    return counts[-1][0]


@rule("K04", CampaignFacts)
def dear_values(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """Recipients whose own values force UCS-2."""
    if facts.ucs2_by_value:
        price = facts.segment_price_u
        cost = f", {show(facts.ucs2_extra * price)}" if price is not None else ""
        yield Hit(
            f"The values of {facts.ucs2_by_value:,} recipients force UCS-2: {facts.ucs2_extra:,} segments more{cost}."
        )


@rule("K05", TemplateFacts, RecipientFacts)
def too_long(facts: Worded, book: Book) -> Iterator[Hit]:
    """A body longer than the provider takes."""
    body = facts.counted if isinstance(facts, TemplateFacts) else facts.text
    most = book.limit("body_characters")
    if len(body) > most:
        yield Hit(f"The text has {len(body):,} characters, {len(body) - most:,} more than {most:,}.", (most, len(body)))


@rule("K06", TemplateFacts)
def cheaper_as_mms(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """An MMS that costs less than the segments."""
    if facts.segment_price_u is None or facts.mms_price_u is None or facts.media or not facts.exact:
        return
    segments = measure(facts.counted).segments
    saved_u = segments * facts.segment_price_u - facts.mms_price_u
    if saved_u > 0:
        yield Hit(f"{segments} segments cost {show(saved_u)} a text more than one MMS.")


@rule("K07", TemplateFacts)
def carriage_returns(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """Lines that end with CR."""
    count = facts.source.count("\r")
    if count:
        at = facts.source.index("\r")
        fixed = facts.source.replace("\r\n", "\n").replace("\r", "\n")
        yield Hit(
            f"{count} line{'s end' if count > 1 else ' ends'} with a carriage return.", (at, at + 1), autofix=fixed
        )


@rule("K08", TemplateFacts)
def written_apart(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """Letters with their accents as characters of their own, which one character could be."""
    apart = [
        match for match in _APART.finditer(facts.text) if len(unicodedata.normalize("NFC", match[0])) < len(match[0])
    ]
    if apart:
        fixed = _APART.sub(lambda match: unicodedata.normalize("NFC", match[0]), facts.source)
        yield Hit(f"{_letters(len(apart))} written apart: {_saving(facts, fixed)}.", apart[0].span(), autofix=fixed)


@rule("K09", TemplateFacts)
def unseen(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """Invisible characters, other than a joiner that holds an emoji together."""
    found = [match for match in _UNSEEN.finditer(facts.text) if not _joins(facts.text, match)]
    if found:
        names = {unicodedata.name(match[0], f"U+{ord(match[0]):04X}").lower() for match in found}
        places = {match.start() for match in found}
        fixed = "".join(_plain(char) if at in places else char for at, char in enumerate(facts.source))
        yield Hit(
            f"{len(found)} invisible ({', '.join(sorted(names))}): {_saving(facts, fixed)}.",
            found[0].span(),
            autofix=fixed,
        )


@rule("K10", CampaignFacts)
def not_counted(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """Something that is appended to the text after it was counted."""
    missing = [text for text in facts.appended if text and text not in facts.counted_body]
    if missing:
        yield Hit(f"{len(missing)} appended part{'s are' if len(missing) > 1 else ' is'} not in the counted text.")


def _letters(count: int) -> str:
    return f"{count} letter{'s have their accents' if count > 1 else ' has its accent'}"


def _saving(facts: TemplateFacts, fixed: str) -> str:
    """Segments before and after, of the wording itself."""
    before, after = measure(facts.counted), measure(replace(facts, source=fixed, body="").counted)
    same = (before.segments, before.encoding) == (after.segments, after.encoding)
    return f"{_size(after)} with or without" if same else f"{_size(before)} as it is, {_size(after)} without"


def _size(size: Measure) -> str:
    dear = " in UCS-2" if size.encoding is Encoding.UCS_2 else ""
    return f"{size.segments} segment{'' if size.segments == 1 else 's'}{dear}"


def _plain(char: str) -> str:
    """What an invisible character may be instead: a space, a line feed or nothing."""
    if char in "\u2028\u2029":
        return "\n"
    return " " if unicodedata.category(char) == "Zs" else ""


def _joins(text: str, match: re.Match[str]) -> bool:
    """Whether it is the joiner between two pictures."""
    if match[0] != _JOINER or match.end() >= len(text) or not match.start():
        return False
    before = text[: match.start()].rstrip("\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")[-1:]
    return bool(before) and {unicodedata.category(before), unicodedata.category(text[match.end()])} == {"So"}
