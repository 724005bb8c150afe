"""The energy that a processor has used, as Intel and AMD count it (RAPL), where Linux lets it be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

POWERCAP = Path("/sys/class/powercap")
SHORTEST = 1.0
"""Seconds that are measured at least: the counters move a thousand times a second."""


def joules(run: Callable[[], object], powercap: Path = POWERCAP) -> float | None:
    """What one run takes, all sockets together, everything else that they did meanwhile included; None where no
    counter can be read (often only root may)."""
    before = _counters(powercap)
    if not before:
        return None
    runs, began = 0, perf_counter()
    while perf_counter() - began < SHORTEST:
        run()
        runs += 1
    after = _counters(powercap)
    used = sum((after[name] - value) % span for name, (value, span) in _spans(before, powercap).items())
    return used / 1e6 / runs


def _counters(powercap: Path) -> dict[str, int]:
    """Microjoules of each socket by its folder; the counters of parts of sockets have a second colon."""
    found: dict[str, int] = {}
    for folder in sorted(powercap.glob("intel-rapl:*")):
        if folder.name.count(":") == 1:
            try:
                found[folder.name] = int((folder / "energy_uj").read_text())
            except (OSError, ValueError):
                return {}
    return found


def _spans(counters: dict[str, int], powercap: Path) -> dict[str, tuple[int, int]]:
    """With each counter the value after which it begins at zero again."""
    return {
        name: (value, int((powercap / name / "max_energy_range_uj").read_text()) + 1)
        for name, value in counters.items()
    }
