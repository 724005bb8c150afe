"""Point sampling and DySample beside PyTorch: `python benchmarks/sampling.py` writes results/sampling.md and .json.

Feature maps of 64 channels and 480×270 pixels become twice as large, on two threads. The operation alone stands beside
`torch.nn.functional.grid_sample`, whose coordinates are made beforehand; the module, offsets and scope included, beside
the module in PyTorch, on planes and on channels last. thinlens takes and returns channels last. Everybody allocates the
result in every call; `into an array` is thinlens writing to one that is there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from thinlens.evaluation.speed import machine, with_rows
from thinlens.kernels import Compiled
from thinlens.nets import DySample
from thinlens.program import PixelShuffle, PointSample, Program, Slice

RESULTS = Path(__file__).parent / "results"
CHANNELS, WIDTH, HEIGHT, SCALE, GROUPS, THREADS = 64, 480, 270, 2, 4, 2
SPREAD = 0.5
"""Of the offsets, in pixels: a grid of random places would be slow for everybody, and no network makes one."""
BOUND = 8.0
HEAD = """# Point sampling beside PyTorch

{channels} feature maps of {width}×{height}, ×{scale}, {groups} groups, {threads} threads ({machine}; {date}; PyTorch
{torch}). Milliseconds: the median of {rounds} rounds, in turn, quartiles in brackets; then how many times as long as
thinlens. `error` is the largest difference from PyTorch in float64.
Made by `python benchmarks/sampling.py`.

| what | engine | ms | times | error |
|---|---|---:|---:|---:|
"""
Run = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """Milliseconds of one engine: median and quartiles, and the largest error of its result."""

    what: str
    engine: str
    median: float
    lower: float
    upper: float
    error: float


def features() -> tuple[Any, Any]:
    """Feature maps `(H, W, C)` float32 and the same as `(1, C, H, W)` planes."""
    maps = np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH, CHANNELS)).astype(np.float32)
    return maps, torch.from_numpy(maps).permute(2, 0, 1)[None]


def operation(rounds: int) -> list[Row]:
    """The operation alone."""
    maps, planes = features()
    given = 2 * GROUPS * SCALE**2
    offsets = np.random.default_rng(1).normal(0, SPREAD, (HEIGHT, WIDTH, given)).astype(np.float32)
    whole = CHANNELS + given
    ops = (Slice(0, whole, 0, CHANNELS), Slice(0, whole, CHANNELS, whole), PixelShuffle(2, SCALE))
    compiled = Compiled(Program("point sampling", (*ops, PointSample(1, 3, GROUPS, SCALE, BOUND))))
    together = np.concatenate([maps, offsets], -1)

    def grid(dtype: torch.dtype) -> Any:
        moved = torch.from_numpy(offsets).to(dtype).permute(2, 0, 1)[None]
        moved = functional.pixel_shuffle(moved, SCALE).reshape(2, GROUPS, HEIGHT * SCALE, WIDTH * SCALE)
        column, row = ((torch.arange(size * SCALE, dtype=dtype) + 0.5) / SCALE for size in (WIDTH, HEIGHT))
        return torch.stack([(moved[0] + column) * (2 / WIDTH) - 1, (moved[1] + row[:, None]) * (2 / HEIGHT) - 1], -1)

    def sample(source: Any, places: Any) -> Any:
        groups = source.reshape(GROUPS, CHANNELS // GROUPS, HEIGHT, WIDTH)
        return functional.grid_sample(groups, places, "bilinear", "border", align_corners=False)

    exact = sample(planes.double(), grid(torch.float64)).reshape(CHANNELS, HEIGHT * SCALE, WIDTH * SCALE)
    contiguous, places = planes.contiguous(), grid(torch.float32)
    runs = {
        "PyTorch": lambda: sample(contiguous, places).reshape(exact.shape),
        **ours(compiled, together),
    }
    return measure("operation", runs, exact, rounds)


def module(style: Any, dynamic: bool, rounds: int) -> list[Row]:
    """The whole module in one of its four variants."""
    torch.manual_seed(0)
    made: Any = DySample(CHANNELS, SCALE, style, GROUPS, dynamic).eval()
    for value in (made.offset.weight, *([made.scope.weight] if dynamic else [])):
        torch.nn.init.normal_(value, std=4 * SPREAD / value.shape[1] ** 0.5)
    maps, planes = features()
    contiguous = planes.contiguous()
    exact = made.double()(planes.double())[0]
    made.float()
    last = made.to(memory_format=torch.channels_last)
    runs = {
        "PyTorch": lambda: made(contiguous)[0],
        "PyTorch, channels last": lambda: last(planes)[0],
        **ours(Compiled(made.lower(BOUND)), maps),
    }
    return measure(f"module {style}{', dynamic' if dynamic else ''}", runs, exact, rounds)


def ours(compiled: Compiled, maps: Any) -> dict[str, Run]:
    """thinlens in a new array and in one that is there."""
    there = np.empty((HEIGHT * SCALE, WIDTH * SCALE, CHANNELS), np.float32)

    def planes(result: Any) -> Any:
        return torch.from_numpy(result).permute(2, 0, 1)

    return {
        "thinlens": lambda: planes(compiled(maps, threads=THREADS)),
        "thinlens, into an array": lambda: planes(compiled(maps, there, threads=THREADS)),
    }


def measure(what: str, runs: dict[str, Run], exact: Any, rounds: int) -> list[Row]:
    """All engines in turn, each once unmeasured before every measured run."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    errors = {name: float((run() - exact).abs().max()) for name, run in runs.items()}
    for _ in range(rounds):
        for name, run in runs.items():
            run()
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    rows = list[Row]()
    for name, seconds in times.items():
        lower, median, upper = (round(float(part) * 1e3, 3) for part in np.quantile(seconds, [0.25, 0.5, 0.75]))
        rows.append(Row(what, name, median, lower, upper, errors[name]))
        print(rows[-1], flush=True)
    return rows


def text(rows: Sequence[Row], fields: dict[str, Any]) -> str:
    """The content of sampling.md."""
    ours = {row.what: row.median for row in rows if row.engine == "thinlens"}
    lines = [
        f"| {row.what} | {row.engine} | {row.median:.1f} [{row.lower:.1f}, {row.upper:.1f}] | "
        f"{row.median / ours[row.what]:.2f} | {row.error:.1e} |"
        for row in rows
    ]
    return HEAD.format(**fields) + "\n".join(lines) + "\n"


def main(rounds: int = 15) -> None:
    """Measure, and write both files."""
    torch.set_num_threads(THREADS)
    with torch.inference_mode():
        rows = operation(rounds)
        for style in ("lp", "pl"):
            for dynamic in (False, True):
                rows += module(style, dynamic, rounds)
    fields = {
        "channels": CHANNELS,
        "width": WIDTH,
        "height": HEIGHT,
        "scale": SCALE,
        "groups": GROUPS,
        "threads": THREADS,
        "rounds": rounds,
        "machine": machine(),
        "date": date.today().isoformat(),
        "torch": torch.__version__,
    }
    (RESULTS / "sampling.json").write_text(with_rows("rows", map(asdict, rows), fields) + "\n", encoding="utf-8")
    (RESULTS / "sampling.md").write_text(text(rows, fields), encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
