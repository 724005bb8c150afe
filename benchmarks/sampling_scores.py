"""ECBSR with a pixel shuffle and with DySample, trained alike: which is better at equal time and multiplications?

    python benchmarks/sampling_scores.py PHOTOS OUT DATA/Set5 DATA/Set14 DATA/BSD100 [--steps 8000] [--seeds 0 1 2]

trains each network with each seed by the recipe of ECBSR_s2_M4_C16, scores the float programs and measures their time
side by side. Checkpoints are kept in OUT; those that are there are not trained again, and an interrupted one goes on.
Writes results/sampling-scores.md and .json. Each of the six runs takes about half an hour on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter
from typing import Any

import numpy as np

import thinlens
from thinlens.bake import fuse
from thinlens.checkpoint import load
from thinlens.evaluation.speed import machine, with_rows
from thinlens.kernels import Compiled
from thinlens.nets import lower
from thinlens.program import Convolution, PointSample, Program
from thinlens.training import Recipe
from thinlens.training.recipe import load_recipe

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
IDS = ("ECBSR_s2_M4_C16", "ECBSR-DySample_s2_M4_C16")
SIZE, THREADS, ROUNDS = (1920, 1080), 2, 7
HEAD = """# ECBSR with a pixel shuffle and with DySample

PSNR in dB by the protocol of `thinlens.evaluate`, float programs, mean and standard deviation over {seeds} seeds,
{steps} steps. Milliseconds: float32 luma of {size}, {threads} threads, median of {rounds} rounds in turn ({machine};
{date}).
Made by `python benchmarks/sampling_scores.py`.

| network | {sets} | multiplications | ms |
|---|{columns}---:|---:|
"""


@dataclass(frozen=True)
class Row:
    """The score of one trained network on one set."""

    network: str
    seed: int
    set: str
    psnr: float


def multiplications(program: Program) -> int:
    """For each pixel of the source; sampling has four for each value of its result, repeating pixels has none."""
    total = 0
    for op, kind in zip(program.ops, program.value_types[1:], strict=True):
        if isinstance(op, Convolution) and (op.weight != 1).any():
            total += op.weight.size * kind.scale**2
        elif isinstance(op, PointSample):
            total += 4 * kind.channels * kind.scale**2
    return total


def trained(recipe: Recipe, photos: Path, out: Path) -> Program:
    """The float program of a network, trained unless its checkpoint is there."""
    path = out / f"{recipe.id}-{recipe.seed}-{recipe.hash()}.safetensors"
    if not path.exists():
        psnr = thinlens.train(recipe, photos, path, progress=False)
        print(f"{path.name}: {psnr:.3f} dB on photos held out", flush=True)
    module, _ = load(path)
    return replace(fuse(lower(module)), name=f"{recipe.id} {recipe.seed}")


def milliseconds(programs: dict[str, Program]) -> dict[str, float]:
    """The median time of each, in turn."""
    picture = np.random.default_rng(0).random(SIZE[::-1], np.float32)
    compiled = {name: Compiled(program) for name, program in programs.items()}
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, run in compiled.items():
            run(picture, threads=THREADS)
            start = perf_counter()
            run(picture, threads=THREADS)
            times[name].append(perf_counter() - start)
    return {name: round(float(np.median(seconds)) * 1e3, 2) for name, seconds in times.items()}


def text(rows: Sequence[Row], fields: dict[str, Any]) -> str:
    """The content of sampling-scores.md."""
    sets = list(dict.fromkeys(row.set for row in rows))
    lines = list[str]()
    for network in dict.fromkeys(row.network for row in rows):
        scores = [[row.psnr for row in rows if (row.network, row.set) == (network, each)] for each in sets]
        cells = [f"{mean(each):.3f}" + (f" ± {stdev(each):.3f}" if len(each) > 1 else "") for each in scores]
        cost = f"{fields['multiplications'][network]:,} | {fields['ms'][network]:.1f}"
        lines.append(f"| {network} | {' | '.join(cells)} | {cost} |")
    head = HEAD.format(**{**fields, "sets": " | ".join(sets), "columns": "---:|" * len(sets)})
    return head + "\n".join(lines) + "\n"


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description="Compare ECBSR with a pixel shuffle and with DySample.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    base = load_recipe(ROOT / "recipes" / f"{IDS[0]}.py")
    rows, last = list[Row](), dict[str, Program]()
    for seed in options.seeds:
        for identifier in IDS:
            recipe = replace(base, id=identifier, seed=seed, optimizer=replace(base.optimizer, steps=options.steps))
            last[identifier] = program = trained(recipe, options.photos, options.out)
            scores = thinlens.evaluate([program], options.sets)
            rows += [Row(identifier, seed, score.data, score.psnr) for score in scores]
    fields = {
        "seeds": len(options.seeds),
        "steps": options.steps,
        "size": "×".join(map(str, SIZE)),
        "threads": THREADS,
        "rounds": ROUNDS,
        "machine": machine(),
        "date": date.today().isoformat(),
        "multiplications": {name: multiplications(program) for name, program in last.items()},
        "ms": milliseconds(last),
    }
    (RESULTS / "sampling-scores.json").write_text(with_rows("rows", map(asdict, rows), fields) + "\n", encoding="utf-8")
    (RESULTS / "sampling-scores.md").write_text(text(rows, fields), encoding="utf-8")


if __name__ == "__main__":
    main()
