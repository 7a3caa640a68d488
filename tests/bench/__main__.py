"""How fast is it on this machine? Runs every benchmark beside this file, in the order of their names, one after another.

`python -m tests.bench` runs all, `python -m tests.bench segments dispatch` some. A benchmark prints its own table and asserts
ratios only; one that fails does not hide the others, but the command ends with 1.
"""

import sys
import traceback
from importlib import import_module
from pathlib import Path

from rich.console import Console


def names() -> list[str]:
    """The subjects that have a benchmark: `bench_segments.py` is "segments"."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(wanted: list[str]) -> int:
    """Run the wanted benchmarks, or all; returns how many failed. An unknown name runs none."""
    console, known = Console(), names()
    if unknown := [name for name in wanted if name not in known]:
        console.print(f"No benchmark called {', '.join(unknown)}; there are: {', '.join(known)}.")
        return len(unknown)
    failed = [name for name in wanted or known if not passed(name)]
    if failed:
        console.print(f"Failed: {', '.join(failed)}.")
    return len(failed)


def passed(name: str) -> bool:
    """Whether one benchmark ran to its end; prints the traceback if it did not."""
    try:
        import_module(f"tests.bench.bench_{name}").run()
    except Exception:  # the next benchmark should still run, whatever this one raised
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
