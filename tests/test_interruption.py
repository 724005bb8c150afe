"""Ctrl-C in the middle of a folder: whole files only, and the next run goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from thinlens.photo import Photo, read, write
from thinlens.program import Convolution, PixelShuffle, Program, save

NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))
COUNT = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nearest.safetensors and a folder `in` of photos that take about 50 ms each."""
    save(NEAREST, tmp_path / "nearest.safetensors")
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (400, 500, 3)).astype(np.uint8)
    for index in range(COUNT):
        write(Photo(np.roll(noise, index)), tmp_path / "in" / f"{index:02}.png")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "thinlens.cli", "upscale", "-m", "nearest.safetensors", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_folder_leaves_whole_files_only(folder: Path) -> None:
    run = start(folder, "in", "-o", "out", "--json")
    wait_for(lambda: len(list((folder / "out").glob("*.png"))) >= 3)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 130
    assert err.splitlines()[-1] == "thinlens: stopped; --skip-existing goes on from here"
    assert "Traceback" not in err
    last = json.loads(out.splitlines()[-1])
    assert last["stopped"]
    assert 0 < last["done"] < COUNT
    there = list((folder / "out").iterdir())
    assert all(path.suffix == ".png" for path in there)  # nothing temporary
    assert all(read(path).pixels.shape == (800, 1000, 3) for path in there)
    run = start(folder, "in", "-o", "out", "--skip-existing")
    out, _ = run.communicate(timeout=60)
    assert out == f"{COUNT - len(there)} of {COUNT} photos enlarged, {len(there)} there already, in out\n"
    assert len(list((folder / "out").iterdir())) == COUNT


def test_one_photo_leaves_nothing(folder: Path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (4000, 4000, 3)).astype(np.uint8)
    write(Photo(large), folder / "large.tif")
    run = start(folder, "large.tif", "-o", "high.png")
    wait_for(lambda: list(folder.glob(".thinlens-*.tmp")))
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert (run.returncode, out, err) == (130, "", "thinlens: stopped\n")
    assert sorted(path.name for path in folder.iterdir()) == ["in", "large.tif", "nearest.safetensors"]
