"""Trials that train nothing: what they give follows from the id, so that a search takes seconds.

As a script, `fake_search.py FOLDER PHOTOS [BUDGET]`, it is a driver to be killed. Workers note in FOLDER/noted what
they begin, and their process.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import log10
from pathlib import Path

from thinlens.search import Row, Settings, Table, Timed, Trained, Trial, candidate, search, shortened_recipe
from thinlens.search.pool import Candidate, pool

SECONDS = 0.1
FORMS = ("eSR-MAX_s{}_K{}_C{}",)
FAILING = "eSR-MAX_s2_K3_C4"


def candidates() -> list[Candidate]:
    """Sixteen networks at each of two scales."""
    sizes = [(scale, kernel, count) for scale in (2, 3) for kernel in (3, 5) for count in range(1, 9)]
    return [candidate(form.format(*each)) for form in FORMS for each in sizes]


def train(trial: Trial, settings: Settings) -> Trained:
    note(settings, trial.key)
    time.sleep(SECONDS)
    return trained(trial)


def trained(trial: Trial) -> Trained:
    if trial.candidate.identifier == FAILING:
        raise ArithmeticError("it\ndiverged")
    quality = 30 + 2 * log10(trial.candidate.multiplications) - 0.1 / trial.share
    return Trained(quality, {"Set5": (quality + 1, 0.9)}, 100, 0, 0.1, "here")


def measure(row: Row, settings: Settings, engines: Sequence[str]) -> Timed:
    note(settings, f"timed-{row.key}")
    milliseconds = 1 + row.multiplications / 10
    return Timed(milliseconds, milliseconds, milliseconds, 1000, None, dict.fromkeys(engines, 9.0), "here")


def note(settings: Settings, what: str) -> None:
    with open(settings.folder / "noted", "a") as file:
        file.write(f"{what} {os.getpid()}\n")


def noted(folder: Path) -> list[tuple[str, int]]:
    """What was begun, and in which process."""
    path = folder / "noted"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(what, int(process)) for what, process in (line.split() for line in lines)]


def photos(folder: Path) -> Path:
    """A folder of two files that nobody reads."""
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"no photo")
    return folder


def uninterrupted() -> dict[str, Row]:
    """The rows of a search that nobody kills, without times: made without a driver or workers."""
    rows: dict[str, Row] = {}
    for each in [*candidates(), *pool(["Bicubic"], (2, 3))]:
        trial = Trial(each, 1.0, None if each.family == "Bicubic" else shortened_recipe(each.identifier))
        try:
            row = Row.begun(trial, trained(trial)).timed(Timed(1.0, 1.0, 1.0))
        except ArithmeticError:
            row = Row.begun(trial, "ArithmeticError: it diverged")
        rows[row.key] = row.without_times()
    return rows


def rows_of(folder: Path) -> dict[str, Row]:
    with Table(folder) as table:
        return {key: row.without_times() for key, row in table.rows.items()}


def start(folder: Path, data: Path) -> subprocess.Popen[bytes]:
    """A driver, and its output in the way of nobody."""
    command = [sys.executable, __file__, str(folder), str(data)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_driver(folder: Path, data: Path, steps: int) -> int:
    """Start a driver and kill it some moment after it has written that many steps; how many it had."""
    driver = start(folder, data)
    wait_for(lambda: written(folder) >= steps, driver)
    time.sleep(random.uniform(0, 3 * SECONDS))
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    return written(folder)


def written(folder: Path) -> int:
    """Steps that the table has: of a trained row one, of one that is done two."""
    with suppress(ValueError, FileNotFoundError), Table(folder) as table:
        return sum(2 if row.state == "done" else 1 for row in table.rows.values())
    return 0


def kill_worker(folder: Path, driver: subprocess.Popen[bytes]) -> bool:
    """Kill whoever notes something, some notes later, in the midst of it; whether there was anybody.

    Not the next each time: that would be the same trial again, which is given up when it has lost four workers.
    """
    seen = len(noted(folder)) + random.randrange(1, 6)
    wait_for(lambda: len(noted(folder)) > seen, driver)
    time.sleep(random.uniform(0, SECONDS / 2))
    if driver.poll() is None:
        with suppress(ProcessLookupError):
            os.kill(noted(folder)[-1][1], signal.SIGKILL)
            return True
    return False


def wait_for(condition: Callable[[], bool], driver: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Until the condition holds or the driver has ended."""
    until = time.monotonic() + seconds
    while not condition() and driver.poll() is None:
        assert time.monotonic() < until, "the driver does not get on"
        time.sleep(0.02)


if __name__ == "__main__":
    budget = float(sys.argv[3]) if len(sys.argv) > 3 else None
    search(*sys.argv[1:3], candidates(), budget=budget, against=[], jobs=2, train=train, measure=measure)
