"""Whatever is killed, the driver or a worker: the table is that of a search that nobody has killed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fake_search import kill_driver, kill_worker, noted, photos, rows_of, start, uninterrupted


def search_with_kills(folder: Path, drivers: int, workers: int) -> None:
    """Kill so many drivers, then so many workers of the last one, and compare."""
    random.seed(drivers)
    out, data = folder / "out", photos(folder / "photos")
    wanted = uninterrupted()
    for index in range(drivers):
        steps = kill_driver(out, data, 1 + (2 * len(wanted) - 8) * index // drivers)
        print(f"driver {index}: killed after {steps} of {2 * len(wanted) - 1} steps")
    there = {key for key, row in rows_of(out).items() if row.state != "trained"} if drivers else set[str]()
    before = len(noted(out))
    driver = start(out, data)
    killed = sum(kill_worker(out, driver) for _ in range(workers))
    assert driver.wait(timeout=300) == 0
    assert rows_of(out) == wanted
    repeated = {what.removeprefix("timed-") for what, _ in noted(out)[before:]} & there
    assert not repeated, "what was finished is not done again"
    print(f"{killed} workers killed")


def test_a_killed_driver_and_a_killed_worker(tmp_path: Path) -> None:
    search_with_kills(tmp_path, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("drivers", "workers"), [(10, 0), (0, 10)])
def test_ten(tmp_path: Path, drivers: int, workers: int) -> None:
    search_with_kills(tmp_path, drivers, workers)
