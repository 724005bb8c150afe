"""Many photos at a time: each as if it were alone."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from threading import Barrier, Event

import numpy as np
import pytest
from pyvips.voperation import concurrency_get, concurrency_set

from thinlens import batch, run
from thinlens.jobs import Job
from thinlens.photo import Photo, read, threads, write
from thinlens.program import Convolution, PixelShuffle, Program
from thinlens.sizes import Plan
from thinlens.sources import Choice

DONE = run.Done(Plan((2,), (2, 2)), Choice("clean"))
NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Eight photos to enlarge into a folder."""
    (tmp_path / "out").mkdir()
    found = [Job(tmp_path / f"{index}.png", tmp_path / "out" / f"{index}.png") for index in range(8)]
    for index, job in enumerate(found):
        write(Photo(np.random.default_rng(index).integers(0, 256, (9, 7 + index)).astype(np.uint8)), job.source)
    return found


@pytest.mark.parametrize("workers", [None, 1, 3, 20])
def test_every_photo_is_done_as_if_it_were_alone(jobs: list[Job], workers: int | None) -> None:
    outcomes = list(batch.upscale_files(jobs, workers=workers, model=NEAREST))
    assert {outcome.job for outcome in outcomes} == set(jobs)
    assert all(outcome.error is None and not outcome.skipped and outcome.seconds > 0 for outcome in outcomes)
    for job in jobs:
        np.testing.assert_array_equal(read(job.target).pixels, read(job.source).pixels.repeat(2, 0).repeat(2, 1))


def test_workers_work_at_the_same_time(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(4, timeout=30)  # broken, and so an error, unless four are in it at a time
    monkeypatch.setattr(run, "upscale_file_to", lambda *_, **__: (together.wait(), DONE)[1])
    assert [outcome.error for outcome in batch.upscale_files(jobs, workers=4)] == [None] * 8


def test_no_photos_are_no_work() -> None:
    assert list(batch.upscale_files([])) == []


def test_what_is_there_can_be_skipped(jobs: list[Job]) -> None:
    jobs[3].target.write_text("done before")
    outcomes = list(batch.upscale_files(jobs, skip_existing=True, model=NEAREST))
    assert [outcome.job for outcome in outcomes if outcome.skipped] == [jobs[3]]
    assert jobs[3].target.read_text() == "done before"
    assert all(job.target.exists() for job in jobs)


def test_a_bad_photo_stops_no_other(jobs: list[Job]) -> None:
    jobs[2].source.write_bytes(b"\x89PNG\r\n\x1a\n")
    outcomes = list(batch.upscale_files(jobs, model=NEAREST))
    failed = {outcome.job: outcome.error for outcome in outcomes if outcome.error}
    assert list(failed) == [jobs[2]]
    assert str(failed[jobs[2]]).startswith(str(jobs[2].source))
    assert sorted(path.name for path in jobs[0].target.parent.iterdir()) == [f"{i}.png" for i in range(8) if i != 2]


def test_closing_begins_no_more(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Path] = []
    go = Event()

    def slow(source: Path, *_: object, **__: object) -> run.Done:
        begun.append(source)
        if len(begun) > 1:
            go.wait(30)
        return DONE

    monkeypatch.setattr(run, "upscale_file_to", slow)
    before = set(threading.enumerate())
    outcomes = batch.upscale_files(jobs, workers=1)
    next(outcomes)
    outcomes.close()
    go.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert len(begun) <= 2


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_of_libvips_are_changed_only_while_photos_are_done(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(batch, "processors", lambda: 7)
    monkeypatch.setattr(run, "upscale_file_to", lambda *_, **__: (seen.append(concurrency_get()), DONE)[1])
    own = concurrency_get()
    concurrency_set(own + 3)
    try:
        outcomes = batch.upscale_files(jobs, workers=workers)
        next(outcomes)
        end = time.monotonic() + 30
        while len(seen) < len(jobs) or concurrency_get() != own + 3:  # the caller is not done with the outcomes
            assert time.monotonic() < end
            time.sleep(0.01)
        outcomes.close()
        assert concurrency_get() == own + 3
    finally:
        concurrency_set(own)
    assert set(seen) == {1 if workers > 1 else 7}


def test_blocks_of_threads_may_overlap() -> None:
    own = concurrency_get()
    first, second = threads(own + 1), threads(own + 2)
    first.__enter__()
    assert concurrency_get() == own + 1
    second.__enter__()
    assert concurrency_get() == own + 2
    first.__exit__(None, None, None)
    assert concurrency_get() == own + 2
    second.__exit__(None, None, None)
    assert concurrency_get() == own
    with threads(own + 1), threads(own + 1):
        pass
    assert concurrency_get() == own
