"""How many campaign texts a CPU-second are measured, against a per-character counter in the same run.

`python -m tests.bench.bench_segments` or, from the collected benchmarks, `run()`. Only the ratio is asserted: seconds
depend on the machine, the ratio hardly does.
"""

import random
import time
from collections.abc import Callable, Sequence
from statistics import mean

from rich.console import Console
from rich.table import Table

from models.segments import BASIC, EXTENSION, measure

TEXTS = 20_000
ROUNDS = 5
LEAST_RATIO = 8

_OPENINGS = ("Hi {name},", "Dear {name}:", "{name},", "Hello {name}!", "{org}:", "{org} reminder:")
_MIDDLES = (
    "your dues of ${amount} are due on {day}.",
    "registration for the annual meeting closes on {day}.",
    "we received your payment of ${amount}. Thank you.",
    "your renewal for membership {number} is ready.",
    "the webinar you signed up for starts on {day} at 6:30 PM.",
    "new continuing-education courses are open until {day}.",
    "please confirm your mailing address before {day}.",
)
_LINKS = (
    "See https://example.org/m/{number}",
    "Pay at https://example.org/pay?ref={number}&a=1",
    "Call 555-0100 x{short}.",
)
_ENDINGS = ("Reply STOP to opt out.", "Txt STOP to end, HELP for help.", "")
_NAMES = ("Anna", "Bob", "Carlos", "Dana", "Edith", "Femi", "Grace", "Hiro", "Ines", "Jo")
_GSM_NAMES = ("André", "Søren", "Jürgen", "Nuñez", "Zoé", "Åsa")
_OTHER_NAMES = ("José", "François", "Łukasz", "Siân", "Zoë")
_ALPHABET, _PAIRED = frozenset(BASIC + EXTENSION), frozenset(EXTENSION)
_EMOJI = ("😀", "🎉", "📅", "👍🏽", "❤️", "👨‍👩‍👧")


def campaign_texts(count: int, *, seed: int = 20261122) -> list[str]:
    """Seeded texts as associations send them: about 125 characters, 88 % ASCII, 4 % emoji, 2 % smart quotes."""
    rng = random.Random(seed)
    return [_text(rng) for _ in range(count)]


def _text(rng: random.Random) -> str:
    kind = rng.random()
    names = _NAMES if kind > 0.06 else _GSM_NAMES if kind > 0.015 else _OTHER_NAMES
    pieces = [rng.choice(_OPENINGS), rng.choice(_MIDDLES), rng.choice(_LINKS), rng.choice(_ENDINGS)]
    if rng.random() < 0.25:
        pieces.insert(2, rng.choice(_MIDDLES))
    text = " ".join(filter(None, pieces)).format(
        name=rng.choice(names),
        org="Example Society",
        amount=f"{rng.randint(5, 2500):,}.{rng.randint(0, 99):02d}",
        day=f"{rng.choice(('Nov', 'Dec', 'Jan'))} {rng.randint(1, 28)}",
        number=rng.randint(10_000, 9_999_999),
        short=rng.randint(10, 99),
    )
    if 0.06 < kind < 0.10:
        text += " " + rng.choice(_EMOJI)
    elif 0.10 < kind < 0.12:
        text = text.replace("your", "“your”", 1).replace("we ", "we’ve ", 1) + " It’s quick."
    elif 0.12 < kind < 0.14:
        text += " [ref] {1}"
    return text


def naive(text: str) -> int:
    """Segments by looking at every character in turn: what one would write first."""
    gsm = all(char in _ALPHABET for char in text)
    sizes = [2 if (char in _PAIRED if gsm else ord(char) > 0xFFFF) else 1 for char in text]
    single, part = (160, 153) if gsm else (70, 67)
    if sum(sizes) <= single:
        return 1 if text else 0
    count, free = 1, part
    for size in sizes:
        if size > free:
            count, free = count + 1, part
        free -= size
    return count


def rate(count: Callable[[str], object], texts: Sequence[str], *, rounds: int = ROUNDS) -> float:
    """Texts per CPU-second, the best of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for text in texts:
            count(text)
        best = min(best, time.process_time() - started)
    return len(texts) / best


def run() -> None:
    """Print the table and assert the ratio; the two counters must also agree on every text."""
    texts = campaign_texts(TEXTS)
    assert [measure(text).segments for text in texts] == [naive(text) for text in texts]
    slow, fast = rate(naive, texts, rounds=2), rate(measure, texts)
    table = Table(title=f"Segments of {TEXTS:,} campaign texts, mean {mean(map(len, texts)):.0f} characters")
    for heading in ("counter", "texts per CPU-second", "ratio"):
        table.add_column(heading, justify="left" if heading == "counter" else "right")
    table.add_row("one character at a time", f"{slow:,.0f}", "1.0")
    table.add_row("models.segments.measure", f"{fast:,.0f}", f"{fast / slow:.1f}")
    Console().print(table)
    assert fast / slow >= LEAST_RATIO, (
        f"measure is only {fast / slow:.1f} times the naive counter, {LEAST_RATIO} expected"
    )


if __name__ == "__main__":
    run()
