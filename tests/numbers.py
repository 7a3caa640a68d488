"""Numbers as lists hold them: valid and not, from many countries, written in every way that people and programs have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

REGIONS = (
    "US", "CA", "PR", "BS", "GB", "IE", "FR", "DE", "ES", "IT", "NL", "CH", "SE", "PL", "AU", "NZ", "IN", "JP", "KR", "CN", "HK",
    "SG", "BR", "MX", "AR", "CL", "CO", "ZA", "NG", "KE", "EG", "IL", "AE", "TR", "RU", "KZ", "GG", "BY", "HU", "FI", "GA", "SM",
)  # fmt: skip
FORMATS = (
    PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL, PhoneNumberFormat.RFC3966,
)  # fmt: skip
TYPES = (
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.VOIP, PhoneNumberType.PERSONAL_NUMBER, PhoneNumberType.UAN, PhoneNumberType.SHARED_COST,
)  # fmt: skip
AMERICAN = (
    "({a}) {b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "{a}{b}{c}", "+1{a}{b}{c}", "1{a}{b}{c}", "+1 ({a}) {b}-{c}", "{a} {b} {c}",
    "1-{a}-{b}-{c}", "{a}/{b}-{c}", "(+1) {a} {b} {c}", "+1.{a}.{b}.{c}", "001{a}{b}{c}", "0111{a}{b}{c}", "1 {a}{b}{c}.0",
    "{a}{b}{c}.00 ", "tel:{a}{b}{c}", "{a}\u2011{b}\u2011{c}", "{a}{b}{c} x12", "{a}{b}{c}\n", "{b}-{c}", "({a}{b}{c}.0",
    "-+1{a}{b}{c}",
)  # fmt: skip
AWKWARD = (
    "", " ", "n/a", "-", "+", "++", "0", "00", "000000000000", "+0", "+00000000", "+1", "+12", "+999123456789", "1.2125551234E+10",
    "12,125,551,234", "2125551234.000", "２１２５５５１２３４", "٢١٢٥٥٥١٢٣٤", "+٢١٢٥٥٥١٢٣٤", "911", "+1911", "1" * 17, "1" * 18,
    "+" + "4" * 20,
    "2" + " " * 98 + "3", "2" + " " * 100 + "3", "2125551234, 2125551235", "212\x00555\x001234", "²125551234", "212555123\n4",
)  # fmt: skip


@cache
def examples(region: str) -> list[phonenumbers.PhoneNumber]:
    """The package's example of each kind of line in a region."""
    found = (phonenumbers.example_number_for_type(region, kind) for kind in TYPES)
    return [number for number in found if number is not None]


def texts(count: int, seed: int) -> Iterator[str]:
    """That many texts: half American, most others near the examples of 42 regions, some digits without a plan, some no number."""
    chance = random.Random(seed)
    for _ in range(count):
        kind = chance.random()
        if kind < 0.5:
            a, b, c = chance.randint(200, 999), f"{chance.randint(100, 999)}", f"{chance.randint(0, 9999):04}"
            yield chance.choice(AMERICAN).format(a=a, b=b, c=c)
        elif kind < 0.9:
            yield _foreign(chance)
        elif kind < 0.97:
            digits = "".join(chance.choices("0123456789", k=chance.choice((4, 6, 7, 8, 9, 10, 11, 12, 13, 15, 18))))
            yield chance.choice(("", "", "+", "0", "00", "011")) + digits
        else:
            yield chance.choice(AWKWARD)


def _foreign(chance: random.Random) -> str:
    """An example with some of its digits changed, from the end or anywhere, in one of the usual formats."""
    number = chance.choice(examples(chance.choice(REGIONS)))
    text = phonenumbers.format_number(number, chance.choice(FORMATS))
    places = [at for at, char in enumerate(text) if char.isdigit()]
    changed = places[-chance.randint(1, 9) :] if chance.random() < 0.7 else chance.sample(places, min(3, len(places)))
    return "".join(chance.choice("0123456789") if at in changed else char for at, char in enumerate(text))
