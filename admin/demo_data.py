"""Who is in the demo: an association, its members with numbers reserved for fiction, its texts, and the file it uploads.

The US numbers are 555-01XX, which nobody owns; their last four digits also choose what the simulator does with a message. All
others belong to no one we know of, and nothing in a demo leaves this machine.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.phones import Phone, normalise
from sender.simulated_behaviour import ENDINGS

AREAS = (
    212, 213, 214, 215, 216, 217, 218, 219, 301, 303, 305, 307, 308, 310, 312, 313, 314, 315, 316, 317, 318, 319, 402, 404, 405,
    406, 407, 408, 410, 412, 413, 414, 415, 417, 419, 501, 502, 503, 504, 505, 507, 508, 509, 510, 512, 513, 515, 516, 518, 601,
    602, 603, 605, 606, 607, 608, 609, 610, 612, 614, 615, 616, 617, 618, 619, 702, 703, 704, 706, 707, 708, 712, 713, 714, 715,
)  # fmt: skip
PLAIN = [f"{n:04d}" for n in range(100, 200) if f"{n:04d}" not in ENDINGS]
FIRST = (
    "Amara", "Ben", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hiro", "Imani", "Jonas", "Keiko", "Liam", "Maya", "Noor",
    "Olu", "Priya", "Quentin", "Rosa", "Sam", "Tess", "Uma", "Victor", "Wen", "Ximena", "Yusuf", "Zoe", "Łukasz", "Renée",
)  # fmt: skip
LAST = (
    "Abbott", "Barros", "Chen", "Dietrich", "Eze", "Fontaine", "Garza", "Hughes", "Ivanov", "Jensen", "Kaur", "Lindqvist",
    "Moreau", "Nakamura", "O'Brien", "Patel", "Quinn", "Romero", "Silva", "Tanaka", "Umar", "Vasquez", "Walsh", "Young",
)  # fmt: skip
TEMPLATES = (
    ("Renewal reminder", "Harbor Association: Hi {{ first_name | default: \"there\" }}, your membership ends on {{ ends_on }}. "
     "Renew by replying YES or at harbor.example.com/renew. Reply STOP to opt out."),
    ("Event invitation", "Harbor Association: {{ first_name | default: \"Dear member\" }}, the annual meeting is on Dec 4, 6 pm. "
     "Details: harbor.example.com/meeting. Reply STOP to opt out."),
    ("Dues receipt", "Harbor Association: thank you, {{ first_name | default: \"member\" }}. "
     "We received {{ amount | money }}. Reply STOP to opt out."),
)  # fmt: skip
COUNTRIES = (
    ("US", "United States", True, ""), ("CA", "Canada", True, ""), ("GB", "United Kingdom", True, ""), ("NG", "Nigeria", True, ""),
    ("IE", "Ireland", False, "Disabled until a rate is approved."),
)  # fmt: skip
ABROAD = frozenset({"GB", "NG"})
"""Countries that a US short code does not reach; they are texted from the UK number."""
COLUMNS = ("member_id", "name", "mobile", "ends_on", "amount")


@dataclass(frozen=True)
class Person:
    """One row of the membership file."""

    member_id: str
    name: str
    mobile: str
    ends_on: str
    amount: str

    def row(self) -> list[str]:
        return [self.member_id, self.name, self.mobile, self.ends_on, self.amount]


def people(*, count: int, seed: int = 7) -> list[Person]:
    """`count` rows in a fixed order: mostly members who can be texted, and every kind that cannot."""
    draw = random.Random(seed)
    numbers = list(_numbers(count, draw))
    draw.shuffle(numbers)
    made = []
    for index, number in enumerate(numbers, 1):
        name = f"{draw.choice(FIRST)} {draw.choice(LAST)}" if draw.random() > 0.01 else ""
        day = 1 + draw.randrange(28)
        made.append(Person(f"M{index:05d}", name, number, f"Jan {day}", f"{draw.choice((85, 120, 240))}"))
    return made


def weary(count: int) -> list[str]:
    """Numbers (E.164) of the members who will answer the live campaign with STOP: about one in a hundred."""
    tired = [normalise(person.mobile, "US") for person in people(count=count)[::97]]
    return [phone.e164 for phone in tired if isinstance(phone, Phone)]


def _numbers(count: int, draw: random.Random) -> Iterator[str]:
    """Phone numbers as people write them; shares are invented for the demonstration."""
    special = {
        "invalid": count * 12 // 1000, "duplicate": count * 8 // 1000, "landline": count * 10 // 1000,
        "disabled": count * 6 // 1000, "pumping": count * 4 // 1000,
        "nigeria": count * 6 // 1000, "britain": count * 30 // 1000, "canada": count * 60 // 1000,
        "ending": count * 50 // 1000,
    }  # fmt: skip
    for index in range(special["invalid"]):
        yield ("12345", "n/a", "(212) 555-01", "+1 000 555 0100", "call the office")[index % 5]
    plain = _us(draw)
    repeated = [next(plain) for _ in range(special["duplicate"])]
    yield from repeated
    yield from repeated
    for index in range(special["landline"]):
        yield f"+44 20 7946 {index:04d}"
    for index in range(special["disabled"]):
        yield f"+353 85 000 {index:04d}"
    for index in range(special["pumping"]):
        yield f"+234 803 {index:03d} 0145"
    for index in range(special["nigeria"]):
        yield f"+234 806 {index:03d} 0100"
    for index in range(special["britain"]):
        yield f"+44 7400 {index // len(PLAIN):02d}{PLAIN[index % len(PLAIN)]}"
    for index in range(special["canada"]):
        yield f"+1 {(416, 514, 604, 613, 905)[index % 5]} 555 {PLAIN[index // 5 % len(PLAIN)]}"
    endings = sorted(ENDINGS.keys() - {"0145", "0170", "0180", "0181", "0183"})
    for index in range(special["ending"]):
        yield f"({AREAS[index // len(endings)]}) 555-{endings[index % len(endings)]}"
    for _ in range(count - sum(special.values()) - special["duplicate"]):
        yield next(plain)


def _us(draw: random.Random) -> Iterator[str]:
    """US numbers that the simulator delivers, each once, in several spellings."""
    for area in AREAS:
        for ending in PLAIN:
            style = draw.randrange(4)
            yield (f"({area}) 555-{ending}", f"{area}-555-{ending}", f"+1{area}555{ending}", f"1 {area} 555 {ending}")[
                style
            ]


def exported(persons: Iterable[Person]) -> bytes:
    """The membership file as the association would export it, CSV in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(person.row() for person in persons)
    return text.getvalue().encode()
