"""Energy by the counters that Linux has for Intel's and AMD's processors."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from thinlens.search import energy


def counter(folder: Path, name: str, value: int, largest: int = 10**9) -> Path:
    (folder / name).mkdir()
    (folder / name / "max_energy_range_uj").write_text(f"{largest}\n")
    path = folder / name / "energy_uj"
    path.write_text(f"{value}\n")
    return path


def test_all_sockets_and_counters_that_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "SHORTEST", 0.02)
    one, two = counter(tmp_path, "intel-rapl:0", 500), counter(tmp_path, "intel-rapl:1", 990, 999)
    part = counter(tmp_path, "intel-rapl:0:0", 0)
    runs = 0

    def run() -> None:
        nonlocal runs
        runs += 1
        time.sleep(0.005)
        one.write_text(str(500 + runs * 30))
        two.write_text(str((990 + runs * 20) % 1000))
        part.write_text(str(runs * 10**6))

    found = energy.joules(run, tmp_path)
    used = 30 * runs + (20 * runs) % 1000
    assert found == pytest.approx(used / 1e6 / runs)


def test_without_counters_or_the_right_to_read_them(tmp_path: Path) -> None:
    assert energy.joules(lambda: None, tmp_path) is None
    counter(tmp_path, "intel-rapl:0", 5).unlink()
    assert energy.joules(lambda: None, tmp_path) is None
