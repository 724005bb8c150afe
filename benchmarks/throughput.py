"""Measure a folder of photos against decoding and encoding alone: `python benchmarks/throughput.py PHOTOS`.

PHOTOS is a folder of photos; 200 JPEG files of 2 MP are made from them. In turns, 20 at a time, they are enlarged as
`thinlens upscale FOLDER --model fast` does it, and the same files are read and the same results written without
enlarging, with as many threads. Writes results/throughput.md.
"""

from __future__ import annotations

import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import pyvips

from thinlens import batch
from thinlens.evaluation.speed import machine
from thinlens.jobs import Job, plan
from thinlens.photo import Photo, read, threads, write

COUNT, CHUNK = 200, 20
WIDTH, HEIGHT = 1632, 1224
MODEL = "fast"


def prepare(photos: Path, folder: Path) -> None:
    """200 photos of 2 MP, cut to 4:3, JPEG quality 90; where there are fewer, they are mirrored the second time."""
    files = sorted(path for path in photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for index in range(COUNT):
        path = files[index % len(files)]
        image = pyvips.Image.thumbnail(str(path), WIDTH, height=HEIGHT, size="both", crop="centre")
        image = image.fliphor() if index >= len(files) else image
        image.jpegsave(str(folder / f"{index:03}.jpg"), Q=90)


def enlarge(jobs: list[Job], workers: int | None = None) -> float:
    """Seconds to enlarge them."""
    start = perf_counter()
    failed = [outcome.error for outcome in batch.upscale_files(jobs, workers=workers, model=MODEL) if outcome.error]
    seconds = perf_counter() - start
    assert not failed, failed
    return seconds


def code(jobs: list[Job], results: list[Photo], workers: int) -> float:
    """Seconds to read the same files and write the same results, already in memory."""

    def both(job: Job, result: Photo) -> None:
        read(job.source)
        write(result, job.target)

    start = perf_counter()
    with threads(1), ThreadPoolExecutor(workers) as pool:
        list(pool.map(both, jobs, results))
    return perf_counter() - start


def measure(photos: Path) -> str:
    """The table, in Markdown."""
    workers = batch.processors()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in").mkdir()
        prepare(photos, folder / "in")
        jobs = plan([folder / "in"], folder / "out", "x2")
        enlarge(jobs[:2])  # the pipeline is built
        enlarged: list[float] = []
        coded: list[float] = []
        for first in range(0, COUNT, CHUNK):
            chunk = jobs[first : first + CHUNK]
            if first // CHUNK % 2:
                enlarged.append(enlarge(chunk))
                coded.append(code(chunk, [read(job.target) for job in chunk], workers))
            else:
                enlarge(chunk)
                coded.append(code(chunk, [read(job.target) for job in chunk], workers))
                enlarged.append(enlarge(chunk))
            print(f"{enlarged[-1]:.2f} s, {coded[-1]:.2f} s, {enlarged[-1] / coded[-1]:.3f}", file=sys.stderr)
        single = enlarge(jobs[-CHUNK:], workers=1)
    ratios = sorted(high / low for high, low in zip(enlarged, coded, strict=True))
    return "\n".join(
        [
            "# Throughput of a folder",
            "",
            "Made by `benchmarks/throughput.py`, which says how.",
            "",
            f"{COUNT} JPEG photos, {WIDTH}×{HEIGHT} to {2 * WIDTH}×{2 * HEIGHT}; `{MODEL}`, {workers} at a time; "
            f"{machine()}; {date.today().isoformat()}",
            "",
            "| | seconds | photos per second |",
            "| --- | ---: | ---: |",
            f"| decoding and encoding alone | {sum(coded):.2f} | {COUNT / sum(coded):.1f} |",
            f"| enlarging | {sum(enlarged):.2f} | {COUNT / sum(enlarged):.1f} |",
            "",
            f"Ratio of the sums {sum(enlarged) / sum(coded):.3f}; of turns of {CHUNK} photos: median "
            f"{statistics.median(ratios):.3f}, from {ratios[0]:.3f} to {ratios[-1]:.3f}.",
            f"One at a time, the last {CHUNK} take {single:.2f} s instead of {enlarged[-1]:.2f} s.",
            "",
        ]
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/throughput.py PHOTOS")
    table = measure(Path(sys.argv[1]))
    (Path(__file__).parent / "results" / "throughput.md").write_text(table, encoding="utf-8")
    print(table)
