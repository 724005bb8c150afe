"""The real run of the search, and what it is measured by: `python benchmarks/search.py PART …`

    time FOLDER PHOTOS [SET…]   goes on with the search of the networks of `REAL_RUN` in FOLDER: trains what is not
                                trained, times all, also in other engines what is on the front; results/search.json
    rungs FOLDER PHOTOS         trains the same networks with a ninth and a third of the work, in a folder of its own,
                                for their scores alone; results/search.json
    adaptive                    plays the adaptive search on the recorded scores and times; results/search.json
    scheduling                  trials of CPU work with one worker and with two, and of a minute; results/search.json

Each writes results/search.md anew. On a machine that does nothing else: `time` takes 5 minutes where all is trained,
`scheduling` 6.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from thinlens.evaluation.speed import machine, with_rows
from thinlens.search import (
    REAL_RUN,
    RUNGS,
    Adaptive,
    Grid,
    Row,
    Settings,
    Status,
    Timed,
    Trained,
    Trial,
    candidate,
    search,
    shortened_recipe,
)
from thinlens.search.front import hypervolume
from thinlens.search.recipes import work
from thinlens.search.report import fronts, markdown
from thinlens.search.work import fit

RESULTS = Path(__file__).parent / "results"
FILE = RESULTS / "search.json"
ENGINES = ("opencv", "onnxruntime", "openvino")
SCALES = (2, 3, 4)
MINUTE, TRIALS = 60.0, 8


def measure_times(folder: str, photos: str, *sets: str) -> None:
    """Go on with the real run until all is timed, and keep its rows and those of the rungs."""

    def show(status: Status) -> None:
        print(f"{status.done} done, {status.failed} failed, {status.untimed} to be timed", file=sys.stderr)

    chosen = [candidate(each) for each in REAL_RUN]
    rows = search(folder, photos, chosen, sets=sets, against=ENGINES, progress=show)
    keep(rows=[asdict(row) for row in rows], machine=machine(), date=date.today().isoformat())


def train_rungs(folder: str, photos: str) -> None:
    """Validation scores of all networks on the lower rungs."""
    chosen = [candidate(each) for each in REAL_RUN]
    rows = search(
        folder, photos, chosen, strategy=Grid(chosen, shares=RUNGS[:-1]), against=[], train=score, measure=no_time
    )
    keep(rungs=[[row.network, row.share, row.validation] for row in rows if row.state == "done" and row.share < 1])


def score(trial: Trial, settings: Settings) -> Trained:
    return Trained(fit(trial, settings))


def play_adaptive() -> None:
    """What part of the grid's hypervolume the adaptive search reaches, of 10 seeds, and with what part of its work."""
    stored = read()
    rows = rows_of(stored)
    times = {row.network: row.milliseconds for row in rows}
    scores = {(row.network, row.share): row.validation for row in rows}
    scores |= {(network, share): score for network, share, score in stored["rungs"]}
    found: list[dict[str, Any]] = []
    for scale in SCALES:
        grid = [row for row in rows if row.scale == scale and not row.yardstick]
        (bicubic,) = (row for row in rows if row.network == f"Bicubic_s{scale}")
        reference = max(log(row.milliseconds or 1) for row in grid), bicubic.validation or 0.0
        whole = area(grid, reference)
        for seed in range(10):
            played: list[Row] = []
            strategy = Adaptive([candidate(row.network) for row in grid], seed=seed)
            while asked := [trial for _ in range(9) if (trial := strategy.ask())]:
                for trial in asked:
                    network, ms = trial.candidate.identifier, times[trial.candidate.identifier] or 0.0
                    score = scores[network, trial.share] or 0.0
                    played.append(Row.begun(trial, Trained(score)).timed(Timed(ms, ms, ms)))
                    strategy.tell(played[-1])
            spent = sum(work(shortened_recipe(row.network, row.share)) for row in played) / len(grid)
            part = area(played, reference) / whole
            found.append({"scale": scale, "seed": seed, "trials": len(played), "work": spent, "hypervolume": part})
            print(found[-1], file=sys.stderr)
    keep(adaptive=found)


def area(rows: Sequence[Row], reference: tuple[float, float]) -> float:
    """Hypervolume of the logarithm of the time and of the PSNR on validation crops."""
    return hypervolume([(log(row.milliseconds or 1), row.validation or 0.0) for row in rows], reference)


def measure_scheduling() -> None:
    """Trials that compute, with one worker and two; trials that sleep a minute each, with two."""
    found: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for name in ("a.png", "b.png"):
            (photos / name).write_bytes(b"no photo")
        chosen = [candidate(f"eSR-MAX_s2_K3_C{count}") for count in range(1, TRIALS + 1)]
        for jobs in (1, 2):
            began = time.perf_counter()
            search(Path(folder) / str(jobs), photos, chosen, against=[], jobs=jobs, train=compute, measure=no_time)
            found[f"seconds with {jobs}"] = time.perf_counter() - began
        for name, train in (("nothing", nothing), ("minutes", sleep)):
            began = time.perf_counter()
            search(Path(folder) / name, photos, chosen[:4], against=[], jobs=2, train=train, measure=no_time)
            found[f"seconds of {name}"] = time.perf_counter() - began
        found["overhead of minutes"] = (found["seconds of minutes"] - found["seconds of nothing"]) / (2 * MINUTE) - 1
    found["times faster"] = found["seconds with 1"] / found["seconds with 2"]
    print(found, file=sys.stderr)
    keep(scheduling={**found, "machine": machine(), "date": date.today().isoformat()})


def compute(trial: Trial, settings: Settings) -> Trained:
    """About ten seconds of one processor; a yardstick takes none."""
    if trial.recipe is not None:
        matrix = np.random.default_rng(0).standard_normal((400, 400))
        for _ in range(3000):
            matrix = matrix @ matrix
            matrix /= np.abs(matrix).max()
    return Trained(30.0)


def sleep(trial: Trial, settings: Settings) -> Trained:
    if trial.recipe is not None:
        time.sleep(MINUTE)
    return Trained(30.0)


def nothing(trial: Trial, settings: Settings) -> Trained:
    return Trained(30.0)


def no_time(row: Row, settings: Settings, engines: Sequence[str]) -> Timed:
    return Timed(1.0, 1.0, 1.0)


def read() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"rows": []}


def rows_of(stored: dict[str, Any]) -> list[Row]:
    rows = [{**row, "scores": {name: tuple(pair) for name, pair in row["scores"].items()}} for row in stored["rows"]]
    return [Row(**row) for row in rows]


def keep(**parts: Any) -> None:
    """Write the results with these parts anew, and what is read of them."""
    stored = {**read(), **parts}
    rows = stored.pop("rows")
    FILE.write_text(with_rows("rows", rows, stored) + "\n", encoding="utf-8")
    (RESULTS / "search.md").write_text(text({**stored, "rows": rows}), encoding="utf-8")


def text(stored: dict[str, Any]) -> str:
    """results/search.md."""
    rows = rows_of(stored)
    places = dict.fromkeys(row.timed_on for row in rows if row.timed_on and row.state == "done")
    lines = ["# The search: a real run", ""]
    lines += [f"Written by `benchmarks/search.py`; {'; '.join(places)}. Luma, 8 bits; PSNR of validation crops.", ""]
    if rows:
        failed = [f"- {row.network}: {row.reason}" for row in rows if row.state == "failed"]
        lines += ["## Fronts", "", markdown(rows), *failed]
        lines += ["## In twice the time of OpenCV's bicubic", "", *within_twice(rows), ""]
        lines += ["## All", "", "| network | share of the work | ms | validation | Set5 | Set14 |"]
        lines += ["|---|---:|---:|---:|---:|---:|"]
        for row in sorted(rows, key=lambda row: (row.scale, row.milliseconds or 0.0)):
            sets = " | ".join(f"{row.scores[name][0]:.2f}" if name in row.scores else "" for name in ("Set5", "Set14"))
            if row.state == "done":
                lines += [
                    f"| {row.network} | {row.share:.2f} | {row.milliseconds:.2f} | {row.validation:.2f} | {sets} |"
                ]
    if "adaptive" in stored:
        lines += ["", "## Adaptive against the grid", "", *adaptive_lines(stored["adaptive"])]
    if "scheduling" in stored:
        part = stored["scheduling"]
        lines += ["", "## Scheduling", "", f"{part['machine']}; {part['date']}.", ""]
        lines += [f"- {TRIALS} trials of CPU work: {part['seconds with 1']:.1f} s with one worker, "]
        lines[-1] += f"{part['seconds with 2']:.1f} s with two, {part['times faster']:.2f} times faster"
        lines += [
            f"- 4 trials of a minute, two at a time: {part['seconds of minutes']:.1f} s; of such that do nothing, "
        ]
        lines[-1] += f"so for Ray's start and end: {part['seconds of nothing']:.1f} s; without that "
        lines[-1] += f"{100 * part['overhead of minutes']:.1f} % more than two minutes"
    return "\n".join(lines).rstrip() + "\n"


def within_twice(rows: Sequence[Row]) -> list[str]:
    """Of each scale the networks on the front above bicubic in PSNR that take at most twice OpenCV's time."""
    lines: list[str] = []
    for scale, best in fronts(rows).items():
        limits = {row.family: row for row in rows if row.scale == scale and row.yardstick}
        opencv, bicubic = limits.get("OpenCV-cubic"), limits.get("Bicubic")
        if opencv is None or bicubic is None:
            continue
        level = max(opencv.validation or 0.0, bicubic.validation or 0.0)
        quick = [row for row in best if (row.milliseconds or 0) <= 2 * (opencv.milliseconds or 0)]
        names = ", ".join(row.network for row in quick if (row.validation or 0) > level)
        count = sum((row.validation or 0) > level for row in quick)
        lines.append(f"- ×{scale}: {count} in {2 * (opencv.milliseconds or 0):.1f} ms: {names}")
    return lines


def adaptive_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["Hypervolume of log time and PSNR above bicubic, as a part of the grid's; 10 seeds.", ""]
    lines += ["| scale | work | trials | hypervolume, lowest | median |", "|---|---:|---:|---:|---:|"]
    for scale in SCALES:
        runs = [run for run in found if run["scale"] == scale]
        parts = sorted(run["hypervolume"] for run in runs)
        work_done, trials = (float(np.mean([run[name] for run in runs])) for name in ("work", "trials"))
        lines.append(
            f"| ×{scale} | {100 * work_done:.0f} % | {trials:.0f} "
            f"| {100 * parts[0]:.1f} % | {100 * float(np.median(parts)):.1f} % |"
        )
    return lines


if __name__ == "__main__":
    part, *arguments = sys.argv[1:] or ["help"]
    match part:
        case "time":
            measure_times(*arguments)
        case "rungs":
            train_rungs(*arguments)
        case "adaptive":
            play_adaptive()
        case "scheduling":
            measure_scheduling()
        case _:
            print(__doc__)
