"""Processes forked from one that has enlarged pictures, or is just doing so: they work, or say at once why not."""

from __future__ import annotations

import multiprocessing
import os
from importlib import import_module
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

import thinlens
from thinlens import files
from thinlens.photo import Photo, threads, write

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

LOW = np.random.default_rng(0).integers(0, 256, (30, 41, 3)).astype(np.uint8)
PATIENCE = 60.0


class Enlarged(Dataset[Any]):
    """Pictures that are enlarged when they are asked for."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Any:
        return thinlens.upscale(np.roll(LOW, index, axis=0), 2, "fast")


def enhanced(results: Any) -> None:
    results.put((thinlens.upscale(LOW, 2, "fast"), thinlens.enhance(LOW)))


def resized(results: Any) -> None:
    try:
        results.put(thinlens.upscale(LOW, 2.5, "fast"))
    except OSError as error:
        results.put(str(error))


def in_children(work: Any, count: int) -> list[Any]:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=work, args=(results,), daemon=True) for _ in range(count)]
    for child in children:
        child.start()
    found = [results.get(timeout=PATIENCE) for _ in children]
    for child in children:
        child.join(timeout=PATIENCE)
    assert [child.exitcode for child in children] == [0] * count
    return found


def test_a_loader_of_four_workers() -> None:
    expected = [thinlens.upscale(np.roll(LOW, index, axis=0), 2, "fast") for index in range(12)]
    loader = DataLoader(Enlarged(), batch_size=None, num_workers=4, multiprocessing_context="fork", timeout=PATIENCE)
    found = list(loader)
    assert len(found) == 12
    for made, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(made, wanted)


def test_forks_while_other_threads_work() -> None:
    expected = thinlens.upscale(LOW, 2, "fast"), thinlens.enhance(LOW)
    ended = Event()

    def work() -> None:
        while not ended.is_set():
            thinlens.upscale(LOW, 2, "fast")
            thinlens.enhance(LOW)

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        found = [made for _ in range(5) for made in in_children(enhanced, 2)]
    finally:
        ended.set()
        for worker in workers:
            worker.join()
    for made in found:
        for one, wanted in zip(made, expected, strict=True):
            np.testing.assert_array_equal(one, wanted)


def test_what_libvips_does_is_refused_at_once() -> None:
    thinlens.upscale(LOW, 2.5, "fast")
    for said in in_children(resized, 2):
        assert said.startswith("photo files, alpha and sizes but 2, 3 and 4 times go through libvips, which hangs in a")
        assert said.endswith("multiprocessing_context='spawn')")


def test_locks_held_at_a_fork_are_new_in_the_child(tmp_path: Any) -> None:
    holding, release = Event(), Event()

    def hold() -> None:
        with files._lock, import_module("thinlens.photo.threads")._lock:
            holding.set()
            release.wait()

    def child(results: Any) -> None:
        files.write_whole(b"whole", tmp_path / "whole")
        with threads(1):
            results.put((tmp_path / "whole").read_bytes())

    holder = Thread(target=hold)
    holder.start()
    assert holding.wait(PATIENCE)
    try:
        assert in_children(child, 1) == [b"whole"]
    finally:
        release.set()
        holder.join()


def test_a_child_does_not_abandon_what_its_parent_writes(tmp_path: Any) -> None:
    def child(results: Any) -> None:
        files.abandon()
        results.put("abandoned")

    with files.appearing(tmp_path / "photo.png") as temporary:
        temporary.write_bytes(b"")
        in_children(child, 1)
        assert temporary.exists()
        write(Photo(LOW), tmp_path / "other.png")
