"""What it cost and what it did: the only folder that computes money. `import analytics as an`, then `an.open(…)`.

Importing this costs nothing: each name loads its module, and what that needs, when it is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import analytics.figures as plot
    from analytics.deliveries import describe
    from analytics.sources import Deliveries, SourceProblem, open
    from analytics.usage import failed_charges, pumping_costs, segments, spend, usage

_WHERE = {
    "Deliveries": "sources",
    "SourceProblem": "sources",
    "open": "sources",
    "describe": "deliveries",
    "failed_charges": "usage",
    "pumping_costs": "usage",
    "segments": "usage",
    "spend": "usage",
    "usage": "usage",
}
__all__ = [
    "Deliveries", "SourceProblem", "describe", "failed_charges", "open", "plot", "pumping_costs", "segments", "spend", "usage",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "plot":
        return import_module("analytics.figures")
    if name not in _WHERE:
        raise AttributeError(f"analytics has no {name!r}; it has {', '.join(__all__)}.")
    return getattr(import_module(f"analytics.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Importing the module `analytics.usage` would hide the function `an.usage`; the function stays in front."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "usage" and isinstance(value, ModuleType):
            value = value.usage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
