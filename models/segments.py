"""How many billable segments a text is, in which encoding, and which characters make it dearer.

Rule (3GPP TS 23.038 for the alphabet, TS 23.040 9.2.3.24 for the sizes, pairs kept whole): the encoding is chosen for
the whole text, GSM-7 if every character is in the default alphabet or its extension table, else UCS-2. One segment
holds 160 septets or 70 UTF-16 units; a longer text is packed into 153 or 67 per segment, and a character that does not
fit entirely moves on. That is why dividing is wrong: 153 x "]" is 306 septets, but only 76 pairs fit in a segment.

CR LF counts two: turn it into LF before counting and before sending (`sender.templates.render` does).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The 127 characters of the GSM-7 default alphabet, one septet each; the 128th code is the escape."""
EXTENSION = "\f^{}\\[~]|€"
"""The 10 characters of the GSM-7 extension table, two septets each: the escape, then a code."""

GSM_SINGLE, GSM_PART = 160, 153
UCS_SINGLE, UCS_PART = 70, 67

_ESCAPE = "\x1b"
_BASIC_ASCII = BASIC.encode("ascii", "ignore")
_ALPHABET = frozenset(BASIC + EXTENSION)
_EXTENDED = re.compile(f"[{re.escape(EXTENSION)}]")


class Encoding(StrEnum):
    """How the handset will receive the text; spelled as invoices and the provider spell it."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


class Measure(NamedTuple):
    """A text's size: `units` are septets (GSM-7) or UTF-16 code units (UCS-2), `segments` are what is billed."""

    encoding: Encoding
    units: int
    segments: int


def _divided(encoding: Encoding, units: int) -> Measure:
    """The measure where no pair can meet a boundary, so that dividing and rounding up is exact."""
    single, part = (GSM_SINGLE, GSM_PART) if encoding is Encoding.GSM_7 else (UCS_SINGLE, UCS_PART)
    return Measure(encoding, units, -(-units // part) if units > single else min(units, 1))


# Every measure of a text without pairs, up to the provider's limit for a body, made once: looking it up is five times
# faster than making it. Longer texts are measured just as exactly, only slower.
_TABLE = 1_600
_GSM = [_divided(Encoding.GSM_7, units) for units in range(_TABLE + 1)]
_UCS = [_divided(Encoding.UCS_2, units) for units in range(_TABLE + 1)]


def measure(text: str) -> Measure:
    """The encoding, units and segments of a text. Empty text is 0 segments (and cannot be sent).

    Any str is measured, a lone surrogate as one unit. About 2 million campaign texts a CPU-second: one C call takes the
    basic ASCII characters out, and only what is left, usually nothing, is looked at.
    """
    length = len(text)
    rest = text.encode("utf-8", "surrogatepass").translate(None, _BASIC_ASCII)
    if not rest:
        return _GSM[length] if length <= _TABLE else _divided(Encoding.GSM_7, length)
    odd = rest.decode("utf-8", "surrogatepass")
    if not _ALPHABET.issuperset(odd):
        astral = 0 if odd.isascii() else len(odd.encode("utf-16-le", "surrogatepass")) // 2 - len(odd)
        return _ucs(text, length + astral)
    extended = len(_EXTENDED.findall(odd))
    return _gsm(text, length + extended)


def measured(texts: Sequence[str]) -> list[Measure]:
    """The measure of each text. Where all of them are basic ASCII, which one look tells, a lookup for each is all it takes."""
    together = "".join(texts)
    if together.isascii() and not together.encode().translate(None, _BASIC_ASCII):
        lengths = list(map(len, texts))
        if max(lengths, default=0) <= _TABLE:
            return [_GSM[length] for length in lengths]
    return list(map(measure, texts))


def segments(text: str) -> int:
    """Only the number of segments: one call per row when it is installed as a function of SQL."""
    return measure(text)[2]


def _gsm(text: str, septets: int) -> Measure:
    divided = _GSM[septets] if septets <= _TABLE else _divided(Encoding.GSM_7, septets)
    if septets == len(text) or septets <= GSM_SINGLE or _fits(septets, divided.segments, GSM_PART):
        return divided
    packed = _EXTENDED.sub(rf"{_ESCAPE}\g<0>", text)
    count, cut = 1, GSM_PART
    while cut < septets:
        cut += GSM_PART - (packed[cut - 1] == _ESCAPE)
        count += 1
    return Measure(Encoding.GSM_7, septets, count)


def _ucs(text: str, units: int) -> Measure:
    divided = _UCS[units] if units <= _TABLE else _divided(Encoding.UCS_2, units)
    if units == len(text) or units <= UCS_SINGLE or _fits(units, divided.segments, UCS_PART):
        return divided
    packed = text.encode("utf-16-le", "replace")  # a lone surrogate becomes "?", one unit, and is never half of a pair
    count, cut = 1, UCS_PART
    while cut < units:
        cut += UCS_PART - (0xDC <= packed[2 * cut + 1] <= 0xDF)  # the high byte of the second half of a pair
        count += 1
    return Measure(Encoding.UCS_2, units, count)


def _fits(units: int, count: int, part: int) -> bool:
    """Whether the text fits in `count` segments even if a pair left one unit free in each but the last."""
    return units <= (part - 1) * (count - 1) + part


# What to write instead: typography that word processors put in, and what a phone's keyboard would have typed. Unicode's
# own compatibility data covers the rest (fullwidth and "fancy" letters, ligatures, odd spaces). Accents are left alone:
# dropping one changes a name.
_INSTEAD = {
    "'": "‘’‚‛′`´ʼ＇",
    '"': "“”„‟″«»",
    "-": "\u2010\u2011‒–—―−•‣▪●·",
    "<": "‹",
    ">": "›",
    "x": "×",
    "...": "…",
    " ": "\t\u1680",
    "\n": "\v\x85\u2028\u2029",
    "": "\u00ad\u180e\u200b\u200c\u200e\u200f\u2060\ufeff",
    "(c)": "©",
    "(R)": "®",
    "TM": "™",
    "1/2": "½",
    "1/4": "¼",
    "3/4": "¾",
}
_REPLACEMENTS = {char: instead for instead, chars in _INSTEAD.items() for char in chars}
_CONTROLS = {"\0": "NULL", "\t": "TAB", "\v": "LINE TABULATION", _ESCAPE: "ESCAPE", "\x85": "NEXT LINE"}
_COMPATIBLE = ("<wide>", "<narrow>", "<font>", "<compat>", "<noBreak>")
# A character with the combining marks that follow it (a few: composing a pile of thousands is quadratic), or any single
# character outside the alphabet.
_SUSPECT = re.compile(f".[\u0300-\u036f]{{1,4}}|[^{re.escape(BASIC + EXTENSION)}]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Culprit:
    """One place in a text that forces UCS-2.

    `index` counts characters from 0; `char` is what stands there (with its combining marks where those are replaced
    together); `name` is Unicode's; `replacement` is pure GSM-7, may be "" (drop it), and is None where nothing fits.
    `segments_if_replaced` answers "is it worth it?": the segments of the text once every replaceable character is
    replaced, this one included. Where there is no replacement it is the segments with this character deleted as well,
    everywhere it occurs.
    """

    index: int
    char: str
    name: str
    replacement: str | None
    segments_if_replaced: int


def explain(text: str) -> list[Culprit]:
    """Every character that forces UCS-2, in the order of the text; none when the text is GSM-7.

    Meant for one body while it is written: the work grows with length x distinct culprits (20 ms for 1,600 ideographs).
    """
    if measure(text).encoding is Encoding.GSM_7:
        return []
    found = list(_suspects(text))
    replaced = _replaced(text)
    saved: dict[str, int] = {}
    for _, char in found:
        if char not in saved:
            saved[char] = segments(replaced if _instead(char) is not None else replaced.replace(char, ""))
    return [Culprit(index, char, _name(char), _instead(char), saved[char]) for index, char in found]


def simplify(text: str) -> str:
    """The text with every culprit replaced if that makes all of it GSM-7; otherwise the text, untouched.

    All or nothing, because replacing quotes beside an emoji saves nothing and can cost a segment ("…" becomes "...").
    """
    replaced = _replaced(text)
    return replaced if measure(replaced).encoding is Encoding.GSM_7 else text


def _replaced(text: str) -> str:
    parts, done = [], 0
    for index, char in _suspects(text):
        instead = _instead(char)
        if instead is not None:
            parts += [text[done:index], instead]
            done = index + len(char)
    return "".join(parts) + text[done:]


def _suspects(text: str) -> Iterator[tuple[int, str]]:
    """(index, characters) of each culprit: a base and its marks together where they compose into the alphabet."""
    for match in _SUSPECT.finditer(text):
        found = match[0]
        if len(found) == 1 or _instead(found) is not None:
            yield match.start(), found
        else:
            yield from ((match.start() + at, char) for at, char in enumerate(found) if char not in _ALPHABET)


def _instead(char: str) -> str | None:
    """What to write instead of a character (or of a base with its marks), or None."""
    if char in _REPLACEMENTS:
        return _REPLACEMENTS[char]
    composed = unicodedata.normalize("NFC", char)
    if len(char) == 1 and unicodedata.decomposition(char).startswith(_COMPATIBLE):
        composed = unicodedata.normalize("NFKC", char)
    return composed if _ALPHABET.issuperset(composed) else None


def _name(char: str) -> str:
    """Unicode's name, in capitals; the code point where it has none (controls, private use, lone surrogates)."""
    if len(char) > 1:
        return f"{_name(unicodedata.normalize('NFC', char))} (written as {len(char)} characters)"
    return unicodedata.name(char, "") or _CONTROLS.get(char, f"U+{ord(char):04X}")
