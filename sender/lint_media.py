"""Can the attachment be delivered? Rules M01 to M07."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.accounts import SenderKind
from sender.lint_registry import Hit, rule
from sender.lint_subjects import InboundFacts, Media, RecipientFacts, TemplateFacts
from sender.rule_table import Book, Severity

_PLAIN_NAME = re.compile(r"[\w.-]+")
_KINDS = ("document", "image", "other file")


@rule("M01", TemplateFacts)
def several(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """More attachments than one."""
    if len(facts.media) > 1:
        yield Hit(f"The text has {len(facts.media)} attachments.")


@rule("M02", TemplateFacts)
def which_wins(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """The one of several that would be sent."""
    if len(facts.media) > 1:
        chosen = min(facts.media, key=lambda media: _rank(media, book))
        yield Hit(f"{chosen.name or f'The first {_KINDS[_rank(chosen, book)]}'} would be sent, the others not.")


def _rank(media: Media, book: Book) -> int:
    """0 for a document, 1 for an image, 2 for anything else."""
    kind = media.content_type.lower()
    return 0 if kind in book.words("document_type") else 1 if kind.startswith("image/") else 2


@rule("M03", TemplateFacts)
def too_large(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """An attachment larger than everybody, a toll-free number, some carriers or Twilio take."""
    for media in facts.media:
        size = media.size or 0
        if size > book.limit("media_block"):
            yield Hit(f"{_size(media)}; Twilio refuses more than {_kilobytes(book.limit('media_block'))}.")
        elif size > book.limit("media_error"):
            yield Hit(f"{_size(media)}; {_refusing(size, facts, book)} refuse it.", severity=Severity.ERROR)
        elif SenderKind.TOLL_FREE in facts.sender_kinds and size > book.limit("media_toll_free"):
            limit = _kilobytes(book.limit("media_toll_free"))
            yield Hit(f"{_size(media)}; a toll-free number carries {limit}.", severity=Severity.ERROR)
        elif size > book.limit("media_warn"):
            limit = _kilobytes(book.limit("media_warn"))
            yield Hit(f"{_size(media)}; up to {limit} reaches nearly everybody.", severity=Severity.WARN)


def _size(media: Media) -> str:
    return f"{media.name or 'The attachment'} has {_kilobytes(media.size or 0)}"


def _kilobytes(size: int) -> str:
    return f"{size // 1000:,} KB"


def _refusing(size: int, facts: TemplateFacts, book: Book) -> str:
    """The carriers that take less, of this sender where it is known."""
    kinds = {kind.value for kind in facts.sender_kinds}
    names = {limit.carrier for limit in book.media() if limit.size < size and (not kinds or limit.sender_kind in kinds)}
    return ", ".join(sorted(names)) or "some carriers"


@rule("M04", TemplateFacts)
def cannot_be_fetched(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """A type that is not taken, a header that lies, an address behind a sign-in."""
    for media in facts.media:
        name = media.name or "The attachment"
        kind = media.content_type.lower().partition(";")[0].strip()
        if kind and kind not in book.words("media_type"):
            yield Hit(f"{name} is {kind}, which Twilio does not take.")
        if media.actual_type and kind and media.actual_type.lower() != kind:
            yield Hit(f"{name} is announced as {kind} and is {media.actual_type}.")
        if media.public is False:
            yield Hit(f"{name} cannot be fetched without a sign-in.")


@rule("M05", RecipientFacts)
def no_mms_there(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A picture message to a country that takes none."""
    if facts.media and facts.mms_there is False:
        yield Hit(f"No picture messages to {facts.region or 'this country'}.")


@rule("M06", TemplateFacts)
def garbled_name(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """A file name that is long or has spaces or special characters."""
    most = book.limit("file_name_characters")
    for media in facts.media:
        if len(media.name) > most or (media.name and not _PLAIN_NAME.fullmatch(media.name)):
            yield Hit(
                f"The file name has {len(media.name)} characters; at most {most}, only letters, digits, dots and hyphens."
            )


@rule("M07", InboundFacts)
def media_in(facts: InboundFacts, _: Book) -> Iterator[Hit]:
    """Pictures in a reply."""
    if facts.media:
        files = "a file, which is" if facts.media == 1 else f"{facts.media} files, which are"
        yield Hit(f"The reply came with {files} not fetched.")
