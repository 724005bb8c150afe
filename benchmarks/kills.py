"""Kill folder runs at random moments and look at what they leave: `python benchmarks/kills.py [COUNT]`.

Each run goes on where the one before was killed; a finished folder is begun anew. After each kill every result that is
there must be, byte by byte, what a run that nobody kills writes. Writes results/kills.md, unless a COUNT is given.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import numpy as np

from thinlens.evaluation.speed import machine
from thinlens.photo import Photo, read, write
from thinlens.program import Convolution, PixelShuffle, Program, save

KILLS, PHOTOS = 50, 24
SUFFIXES = ("png", "jpg", "webp", "tif")
NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))


def prepare(folder: Path) -> None:
    """A model and photos of noise, 0.15 MP, in four formats."""
    save(NEAREST, folder / "nearest.safetensors")
    (folder / "in" / "deep").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (330, 450, 3)).astype(np.uint8)
    for index in range(PHOTOS):
        name = f"{'deep/' if index % 2 else ''}{index:02}.{SUFFIXES[index % 4]}"
        write(Photo(np.roll(noise, index)), folder / "in" / name)


def start(folder: Path, out: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "thinlens.cli", "upscale", "in", "-o", out, "-m", "nearest.safetensors"]
    command += ["--skip-existing", "--json"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def digests(folder: Path) -> dict[str, str]:
    """Of every result, by its name, after opening it."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            assert read(path).pixels.shape == (660, 900, 3)
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def left(folder: Path) -> int:
    """Temporary files that were being written."""
    return sum(1 for _ in folder.rglob(".thinlens-*.tmp"))


def kill(folder: Path, count: int, seed: int = 0) -> str:
    """Kill so many runs; the sentence that says what came of it. Raises AssertionError at the first bad file."""
    draw = random.Random(seed)
    prepare(folder)
    begin = time.perf_counter()
    *_, last = start(folder, "whole").communicate(timeout=120)[0].splitlines()
    seconds = time.perf_counter() - begin
    assert json.loads(last)["done"] == PHOTOS
    whole = digests(folder / "whole")
    out = folder / "out"
    kills = checked = halves = cleaned = finished = 0
    while kills < count:
        before = left(out)
        run = start(folder, "out")
        try:
            run.wait(draw.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
            kills += 1
        else:
            run.communicate()
            assert run.returncode == 0
        found = digests(out)
        assert found.items() <= whole.items()
        checked += len(found)
        halves += max(0, left(out) - before)
        cleaned += max(0, before - left(out))
        if found.keys() == whole.keys():
            finished += 1
            rmtree(out)
    start(folder, "out").communicate(timeout=120)
    assert digests(out) == whole
    assert left(out) == 0, "the last run cleans up"
    return (
        f"{kills} runs over {PHOTOS} photos (PNG, JPEG, WebP, TIFF; 0.15 MP each, two at a time) killed with SIGKILL, "
        f"each at a random moment of its first {seconds:.1f} s, the time of a whole run with its start; each went on "
        f"with `--skip-existing` where the one before had ended, and the folder was completed {finished} times on the "
        f"way. After each kill all results that were there, {checked} in sum, opened and were byte by byte those of a "
        f"run that nobody killed: 0 half files, 0 lost. At least {halves} temporary files were left behind by kills, "
        "under names that no run takes for a photo; the next run removed them, and after the last there were none."
    )


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        sentence = kill(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
    print(sentence)
    if len(sys.argv) == 1:
        text = (
            f"# Killed runs\n\nMade by `benchmarks/kills.py`; {machine()}; {date.today().isoformat()}.\n\n{sentence}\n"
        )
        (Path(__file__).parent / "results" / "kills.md").write_text(text, encoding="utf-8")
