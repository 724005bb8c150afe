"""Measure look-ups in a 33³ color table beside other programs: `python benchmarks/color_table.py PHOTO [MODEL]`.

A photo, cut and resized to 3840×2160, RGB, uint8, and noise of that size; two threads where a program has threads. All
run in one process, in turn, in every round; each runs unmeasured until 20 ms have passed, then once measured. thinlens
returns a new array in every call, FFmpeg's filter a new frame, Pillow a new image; PyTorch gets float32 tensors that
are ready made. MODEL is a program that chooses tables [default: enhance]; what it takes is everything, from array to
array. Writes results/color_table.md.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import av
import numpy as np
import pyvips
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import thinlens
from thinlens.evaluation.speed import machine
from thinlens.kernels import TableLookUp
from thinlens.kernels.host import processor_of
from thinlens.run import grading

WIDTH, HEIGHT, SIZE, THREADS, ROUNDS = 3840, 2160, 33, 2, 21
UNMEASURED = 0.02
Run = Callable[[], object]


def table() -> thinlens.Lut3d:
    """A look: more contrast, warmer, and a little noise, so that no program can take it for something simpler."""
    lut = thinlens.Lut3d.identity(SIZE)
    curved = lut.table ** np.array([0.8, 0.9, 1.1], np.float32)
    noise = np.random.default_rng(0).normal(0, 0.002, curved.shape)
    return thinlens.Lut3d(np.clip(curved + noise, 0, 1).astype(np.float32))


def picture(path: str) -> NDArray[np.uint8]:
    """A photo that fills the size."""
    image = pyvips.Image.thumbnail(path, WIDTH, height=HEIGHT, size="both", crop="centre")
    pixels: NDArray[np.uint8] = image.colourspace("srgb").numpy()[..., :3]
    return np.ascontiguousarray(pixels)


def ours(lut: thinlens.Lut3d, source: NDArray[np.uint8], interpolation: Any) -> Run:
    look_up = TableLookUp(lut.table, interpolation)
    return lambda: look_up(source, threads=THREADS)


def ffmpeg(path: Path, source: NDArray[np.uint8], interpolation: str) -> Run:
    """Its filter, on a frame that is ready made and stays as it is."""
    graph: Any = av.filter.Graph()
    graph.threads = THREADS
    begin = graph.add_buffer(width=WIDTH, height=HEIGHT, format="rgb24", time_base=Fraction(1, 25))
    applied, end = graph.add("lut3d", f"file={path}:interp={interpolation}"), graph.add("buffersink")
    begin.link_to(applied)
    applied.link_to(end)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(source, format="rgb24")

    def run() -> object:
        graph.push(frame)
        return graph.pull()

    return run


def pillow(lut: thinlens.Lut3d, source: NDArray[np.uint8]) -> Run:
    image = Image.fromarray(source)
    applied = ImageFilter.Color3DLUT(SIZE, lut.table.transpose(2, 1, 0, 3).ravel().tolist())
    return lambda: image.filter(applied)


def pytorch(lut: thinlens.Lut3d, source: NDArray[np.uint8]) -> Run:
    volume = torch.from_numpy(lut.table).permute(3, 0, 1, 2)[None].contiguous()
    grid = torch.from_numpy(source[None, None].astype(np.float32) / 127.5 - 1).flip(-1).contiguous()

    def run() -> object:
        with torch.inference_mode():
            return torch.nn.functional.grid_sample(volume, grid, align_corners=True)

    return run


def enhanced(model: str, source: NDArray[np.uint8]) -> dict[str, Run]:
    """A model's look-up alone, with the table that it chooses, and all of `thinlens.enhance`."""
    chosen = grading(model)
    look = chosen.look([source], source.shape)
    look(source)
    return {
        "thinlens, the look-up of the model": lambda: look(source, threads=THREADS),
        "thinlens.enhance": lambda: thinlens.enhance(source, model),
    }


def rounds(runs: dict[str, Run]) -> dict[str, list[float]]:
    """Milliseconds of each, by turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS + 1):
        for name, run in runs.items():
            begin = perf_counter()
            while perf_counter() - begin < UNMEASURED:
                run()
            begin = perf_counter()
            run()
            if number:  # the first round is for caches and allocators
                times[name].append(1000 * (perf_counter() - begin))
    return times


def measure(source: NDArray[np.uint8], model: str | None) -> list[str]:
    """Lines of a table in Markdown."""
    lut = table()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.cube"
        lut.write(path)
        runs = {f"thinlens, {kind}": ours(lut, source, kind) for kind in ("trilinear", "tetrahedral")}
        foreign = {f"FFmpeg lut3d, {kind}": ffmpeg(path, source, kind) for kind in ("trilinear", "tetrahedral")}
        foreign |= {"Pillow Color3DLUT, trilinear": pillow(lut, source)}
        foreign |= {"PyTorch grid_sample, trilinear": pytorch(lut, source)}
        times = rounds(runs | foreign | (enhanced(model, source) if model else {}))
    slowest = max(statistics.median(times[name]) for name in runs)
    fastest = min(statistics.median(times[name]) for name in foreign)
    lines = ["| | ms | quartiles |", "| --- | ---: | ---: |"]
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        lines.append(f"| {name} | {middle:.1f} | {low:.1f}–{high:.1f} |")
    lines += ["", f"The fastest other takes {fastest / slowest:.2f} times as long as the slower of thinlens' two."]
    if model:
        alone, all_ = (statistics.median(times[name]) for name in list(times)[-2:])
        lines.append(f"All of `thinlens.enhance` takes {all_ / alone:.2f} times as long as its look-up.")
    return [*lines, ""]


def main(photo: str, model: str | None) -> str:
    """The report."""
    torch.set_num_threads(THREADS)
    versions = ", ".join(f"{name} {version(package)}" for name, package in PACKAGES.items())
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return "\n".join(
        [
            "# Look-ups in a color table",
            "",
            "Made by `benchmarks/color_table.py`, which says how.",
            "",
            f"{SIZE}³ entries, {WIDTH}×{HEIGHT}, RGB, uint8; {THREADS} threads; {machine()}; {processor_of().name}; "
            f"{date.today().isoformat()}; {versions}",
            "",
            "## A photo",
            "",
            *measure(picture(photo), model),
            "## Noise, which meets all entries of the table",
            "",
            *measure(noise, None),
        ]
    )


PACKAGES = {"PyAV": "av", "Pillow": "pillow", "PyTorch": "torch", "NumPy": "numpy"}

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python benchmarks/color_table.py PHOTO [MODEL]")
    report = main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "enhance")
    (Path(__file__).parent / "results" / "color_table.md").write_text(report, encoding="utf-8")
    print(report)
