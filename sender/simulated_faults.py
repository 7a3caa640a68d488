"""What goes wrong on purpose: faults of single requests, by seeded share, by count or by script.

A fault is an `effect`, before the request takes effect or after it was `stored`:

| effect   | what the client sees                                                       |
|----------|----------------------------------------------------------------------------|
| ok       | nothing unusual (a step of a script)                                       |
| delay    | the answer after `seconds`                                                 |
| drop     | the connection closes without an answer                                    |
| reset    | the connection is reset                                                    |
| hang     | no answer for `seconds` (60 unless given), then a closed connection        |
| error    | 500 with code 20500                                                        |
| busy     | 503 with a page that is not JSON                                           |
| throttle | 429 with code 20429, never stored; `Retry-After: seconds` if seconds given |
| garbage  | 200 or 201 with a body that is not JSON                                    |

Written as text a fault is `effect` or `effect:stored`.
"""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

EFFECTS = frozenset({"ok", "delay", "drop", "reset", "hang", "error", "busy", "throttle", "garbage"})
ACTIONS = frozenset({"create", "fetch", "list", "update", "delete", "other", "any"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule: requests of kind `on` meet `effect` with probability `share`, at most `times` times (0: no limit)."""

    effect: str
    stored: bool = False
    on: str = "create"
    share: float = 1.0
    times: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS or self.on not in ACTIONS:
            raise ValueError(f"no such fault: {self.effect} on {self.on}")


def read(written: str | Mapping[str, object]) -> Fault:
    """A fault from `effect[:stored]` or from a mapping of its fields; raises ValueError for anything else."""
    if isinstance(written, str):
        effect, _, moment = written.partition(":")
        if moment not in ("", "stored"):
            raise ValueError(f"no such moment: {moment}")
        return Fault(effect, stored=moment == "stored")
    try:
        return Fault(**written)  # type: ignore[arg-type]  # checked by the dataclass at run time
    except TypeError:
        raise ValueError("a fault has effect, stored, on, share, times and seconds") from None


class FaultSwitch:
    """The faults in force; safe to change while requests are answered."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._draw = random.Random(self._seed)
            self._rules: list[Fault] = []
            self._met: list[int] = []
            self._script: list[Fault] = []

    def set(self, *faults: Fault, script: Iterable[Fault] = (), seed: int | None = None) -> None:
        """Replace what is in force; `script` is used up first, one step a request that fits."""
        self.clear()
        with self._lock:
            if seed is not None:
                self._draw = random.Random(seed)
            self._rules = list(faults)
            self._met = [0] * len(self._rules)
            self._script = list(script)

    def next(self, action: str) -> Fault | None:
        """The fault that a request of kind `action` meets now, or None."""
        with self._lock:
            if self._script and self._script[0].on in (action, "any"):
                return self._script.pop(0)
            for index, rule in enumerate(self._rules):
                spent = rule.times and self._met[index] >= rule.times
                if rule.on in (action, "any") and not spent and self._draw.random() < rule.share:
                    self._met[index] += 1
                    return rule
        return None
