"""The driver, with workers that are not there: each task is done when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from fake_search import FAILING, candidates, measure, noted, photos, rows_of, train, uninterrupted
from thinlens.search import Row, Settings, Status, candidate, driver, search
from thinlens.search.workers import Workers


class Instant:
    """In the place of `Workers`: two at a time, and a task is its result."""

    def __init__(self, address: str = "local", **options: Any) -> None:
        self.apart, self.slots = options.get("timing") is not None, 2
        self.most_at_once = 0

    def train(self, function: Any, *arguments: Any) -> Any:
        return self._do(function, *arguments)

    def measure(self, function: Any, *arguments: Any) -> Any:
        return self._do(function, *arguments)

    def _do(self, function: Any, *arguments: Any) -> Any:
        try:
            return [function(*arguments)].__iter__()  # a task is compared by identity
        except ArithmeticError as error:
            return iter([" ".join(f"{type(error).__name__}: {error}".split())])

    def finished(self, tasks: Iterable[Any], seconds: float) -> list[Any]:
        return list(tasks)[:1]

    def result(self, task: Any) -> Any:
        return next(task)

    def __enter__(self) -> Instant:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "Workers", Instant)
    monkeypatch.setattr("fake_search.SECONDS", 0)


def run(folder: Path, **options: Any) -> list[Row]:
    data = folder / "photos"
    if not data.exists():
        photos(data)
    common: dict[str, Any] = {"against": [], "train": train, "measure": measure}
    return search(folder / "out", data, options.pop("candidates", candidates()), **{**common, **options})


@pytest.mark.parametrize("timing", [None, "clock"])
def test_every_trial_has_its_row(tmp_path: Path, timing: str | None) -> None:
    seen: list[Status] = []
    rows = run(tmp_path, timing=timing, progress=seen.append)
    assert {row.key: row.without_times() for row in rows} == uninterrupted() == rows_of(tmp_path / "out")
    (failed,) = (row for row in rows if row.state == "failed")
    assert (failed.network, failed.reason) == (FAILING, "ArithmeticError: it diverged")
    assert (seen[-1].done, seen[-1].running, seen[-1].failed, seen[-1].untimed) == (33, 0, 1, 0)
    assert seen[-1].best[2][3.0].network == "eSR-MAX_s2_K3_C2"
    assert seen[-1].seconds_left == 0


def test_timing_waits_until_nothing_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TIMED_TOGETHER", 10)
    run(tmp_path)
    kinds = "".join("t" if what.startswith("timed-") else "." for what, _ in noted(tmp_path / "out"))
    first = kinds.index("t")
    assert 10 <= first <= 12  # ten wait, and what was being trained is finished
    assert kinds[first : first + 10] == "t" * 10
    assert kinds.count("t") == 33


def test_nothing_is_done_twice_and_failures_once_more_if_asked(tmp_path: Path) -> None:
    run(tmp_path)
    before = len(noted(tmp_path / "out"))
    run(tmp_path)
    assert len(noted(tmp_path / "out")) == before
    run(tmp_path, retry_failed=True)
    assert len(noted(tmp_path / "out")) == before + 1


def test_trained_before_and_not_timed(tmp_path: Path) -> None:
    class Ended(Exception):
        pass

    def dies(status: Status) -> None:
        if status.untimed == 5:
            raise Ended

    with pytest.raises(Ended):
        run(tmp_path, progress=dies)
    assert [row.state for row in rows_of(tmp_path / "out").values()] == ["trained"] * 5
    run(tmp_path)
    assert rows_of(tmp_path / "out") == uninterrupted()
    trained = [what for what, _ in noted(tmp_path / "out") if not what.startswith("timed-")]
    assert len(trained) <= len(set(trained)) + 2  # what was running is done anew


def test_other_engines_run_what_is_on_the_front(tmp_path: Path) -> None:
    rows = run(tmp_path, against=["onnxruntime"], candidates=candidates()[:8])
    compared = [row.network for row in rows if row.engines]
    assert compared == [f"eSR-MAX_s2_K3_C{count}" for count in (1, 2, 3, 5, 6, 7, 8)]
    with pytest.raises(ValueError, match="unknown engine 'tensorrt'; the known ones: opencv"):
        run(tmp_path, against=["tensorrt"])


def test_opencv_is_a_yardstick_of_each_scale(tmp_path: Path) -> None:
    rows = run(tmp_path, against=["opencv"], candidates=candidates()[14:18])
    assert [row.network for row in rows if row.yardstick] == [
        "OpenCV-cubic_s2",
        "OpenCV-cubic_s3",
        "Bicubic_s2",
        "Bicubic_s3",
    ]


def test_adaptive_trains_less(tmp_path: Path) -> None:
    rows = run(tmp_path, budget=1 / 3)
    assert {round(row.share, 2) for row in rows if not row.yardstick} == {0.11, 0.33, 1.0}
    assert sum(row.share for row in rows if not row.yardstick) < 1.2 * len(candidates()) / 3
    before = len(noted(tmp_path / "out"))
    run(tmp_path, budget=1 / 3)
    assert len(noted(tmp_path / "out")) == before


def test_a_worker_that_returns_something_else_is_a_failure(tmp_path: Path) -> None:
    rows = run(tmp_path, candidates=candidates()[:1], train=lambda trial, settings: 31.5)
    assert {row.reason for row in rows} == {"a worker returned float"}


def test_other_photos_are_another_search(tmp_path: Path) -> None:
    run(tmp_path, candidates=candidates()[:1])
    (tmp_path / "photos" / "c.png").write_bytes(b"one more")
    with pytest.raises(ValueError, match="holds a search with the photos"):
        run(tmp_path, candidates=candidates()[:1])


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ImportError, match=r"^a search needs ray: pip install 'thinlens\[search\]'$"):
        Workers()


def test_settings_name_the_files_of_a_trial(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path / "out")
    key = candidate("eSR-MAX_s2_K3_C2").identifier
    assert settings.checkpoint(key).parent != settings.program(key).parent
