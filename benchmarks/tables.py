"""Measure super-resolution by table beside OpenCV and the way that the authors' NumPy code goes:
`python benchmarks/tables.py`.

1920×1080 luma, uint8, ×2, two threads: a photo of Kodak enlarged to that size, and a noise picture, for which no cache
is large enough. All in one process and in turn. The networks of tables that are not released have random weights: no
schedule depends on them. Written to results/tables.json and results/tables.md. Needs the extra [benchmark].
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise, permutations
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import thinlens
from thinlens import bake, nets
from thinlens.evaluation.speed import machine
from thinlens.kernels import Compiled
from thinlens.kernels.host import check_here, processor_of
from thinlens.photo import read
from thinlens.program import Lookup, Program

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PHOTO = ROOT / "examples" / "photo.png"
TARGETS = {"AVX2": "x86-64-linux-sse41-avx-avx2-f16c-fma", "this one": processor_of(None).name}
IDS = ("SR-LUT-V_s2", "SR-LUT-S_s2", "EC-LUT_s2", "EC-LUT_s2_block")
WARM_UP, ROUNDS = 0.02, 9


def programs() -> dict[str, Program]:
    """Each table program for 8-bit pictures."""
    torch.manual_seed(0)
    found = {name: bake.tabulate(nets.lower(nets.build(nets.parse(name), "edge"))) for name in IDS}
    released = thinlens.load("lut", 2)
    assert released.uint8 is not None
    return {**found, f"lut ({released.name})": released.uint8}


def numpy_way(program: Program, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """SR-LUT-S as its authors' code goes: the picture turned four times, a mask for each order of the remainders."""
    lookup = program.ops[0]
    assert isinstance(lookup, Lookup)
    table = lookup.table[0].astype(np.float32).reshape(17, 17, 17, 17, -1)
    scale, total = program.scale, 0.0
    for turns in range(4):
        padded = np.pad(np.rot90(picture, turns), ((0, 1), (0, 1)), mode="reflect").astype(np.int64)
        height, width = padded.shape[0] - 1, padded.shape[1] - 1
        pixels = np.stack([padded[y : y + height, x : x + width] for y in (0, 1) for x in (0, 1)])
        high, low = pixels // 16, pixels % 16
        result = np.zeros((height, width, scale**2), np.float32)
        for order in permutations(range(4)):
            ordered = [low[a] >= low[b] if a < b else low[a] > low[b] for a, b in pairwise(order)]
            mask = ordered[0] & ordered[1] & ordered[2]
            corner, before = [each[mask] for each in high], np.full(int(mask.sum()), 16)
            for axis in (*order, None):
                after = np.zeros_like(before) if axis is None else low[axis][mask]
                result[mask] += (before - after)[:, None] * table[tuple(corner)]
                if axis is not None:
                    corner[axis] = corner[axis] + 1
                before = after
        shuffled = result.reshape(height, width, scale, scale).transpose(0, 2, 1, 3).reshape(height * scale, -1)
        total = total + np.rot90(shuffled / 16, -turns)
    return np.clip(np.rint(total / 127 * 255), 0, 255).astype(np.uint8)


def quartiles(runs: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Milliseconds of each: quartiles and median of all rounds, in each of which all have a turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            start = perf_counter()
            while perf_counter() - start < WARM_UP:
                run()
            start = perf_counter()
            run()
            times[name].append((perf_counter() - start) * 1e3)
    return {name: [float(q) for q in np.quantile(each, [0.25, 0.5, 0.75])] for name, each in times.items()}


def measured() -> list[dict[str, Any]]:
    """All programs on both pictures, for each class of processors that runs here."""
    cv2.setNumThreads(2)
    photo = cv2.cvtColor(np.ascontiguousarray(read(PHOTO).pixels[..., :3]), cv2.COLOR_RGB2GRAY)
    pictures = {
        "photo": cv2.resize(photo, (1920, 1080), interpolation=cv2.INTER_CUBIC),
        "noise": np.random.default_rng(0).integers(0, 256, (1080, 1920), np.uint8),
    }
    tables = programs()
    found: list[dict[str, Any]] = []
    for name, target in TARGETS.items():
        processor = replace(processor_of(target), cache=processor_of(None).cache)
        check_here(processor)
        compiled = {key: Compiled(program, processor) for key, program in tables.items()}
        for kind, picture in pictures.items():
            runs: dict[str, Callable[[], Any]] = {
                "OpenCV INTER_CUBIC": lambda p=picture: cv2.resize(p, (3840, 2160), interpolation=cv2.INTER_CUBIC)
            }
            runs |= {key: lambda c=each, p=picture: c(p, threads=2) for key, each in compiled.items()}
            times = quartiles(runs)
            if name == "this one":
                times |= quartiles({"SR-LUT-S by NumPy": lambda p=picture: numpy_way(tables["SR-LUT-S_s2"], p)}, 1)
            print(name, kind, {key: round(each[1], 2) for key, each in times.items()}, file=sys.stderr, flush=True)
            found.append({"target": name, "picture": kind, "times": times})
    return found


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    lines = [
        "# Super-resolution by table",
        "",
        f"Made by `benchmarks/tables.py`: {found['machine']}; 2 threads; {found['date']}.",
        f"1920×1080 luma, uint8, ×2, milliseconds: the median of {ROUNDS} rounds, quartiles in brackets.",
    ]
    for part in found["measured"]:
        bicubic = part["times"]["OpenCV INTER_CUBIC"][1]
        lines += ["", f"## {part['target']}, {part['picture']}", "", "| | ms | times OpenCV |", "| --- | ---: | ---: |"]
        for name, (lower, middle, upper) in part["times"].items():
            lines.append(f"| {name} | {middle:.2f} [{lower:.2f}–{upper:.2f}] | {middle / bicubic:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    found = {"machine": machine(), "date": date.today().isoformat(), "measured": measured()}
    (RESULTS / "tables.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    (RESULTS / "tables.md").write_text(markdown(found), encoding="utf-8")
