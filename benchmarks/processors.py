"""Measure what each class of x86 processors gets, by naming it on this machine:
`python benchmarks/processors.py COMMAND [NAME]`, where COMMAND is `thinlens` of an environment with the base install
alone. Classes that this machine cannot run are left out.

int8 or fixed point beside float32 and OpenCV's INTER_CUBIC, in one process and in turn; `best` beside other engines,
its quantized form given to them too; and the time of the command, with and without kernels in the cache. Written to
results/NAME.json and results/NAME.md (`processors`). Needs the extra [benchmark].
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import cv2
import numpy as np

import thinlens
from thinlens.evaluation.speed import machine, measure
from thinlens.kernels import Compiled
from thinlens.kernels.host import check_here, processor_of
from thinlens.pipelines.processor import Processor

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FEATURES = "sse41-avx-avx2-f16c-fma"
TARGETS = {
    "AVX2": f"x86-64-linux-{FEATURES}",
    "AVX-VNNI": f"x86-64-linux-{FEATURES}-avxvnni",
    "this one": processor_of(None).name,
}


def runs_here(target: str) -> bool:
    """Whether this machine has what a target names."""
    try:
        check_here(processor_of(target))
    except ValueError:
        return False
    return True


TARGETS = {name: target for name, target in TARGETS.items() if runs_here(target)}
MODELS = ("fast", "balanced", "fine", "best", "ESPCN_s2_D16_S32")
WARM_UP, ROUNDS = 0.02, 9


def quartiles(runs: dict[str, Any]) -> dict[str, list[float]]:
    """Milliseconds of each: quartiles and median of all rounds, in each of which all have a turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = perf_counter()
            while perf_counter() - start < WARM_UP:
                run()
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    return {name: [float(q) for q in np.quantile(np.array(t) * 1e3, [0.25, 0.5, 0.75])] for name, t in times.items()}


def forms() -> list[dict[str, Any]]:
    """Each model on each target, luma and RGB, ×2."""
    found: list[dict[str, Any]] = []
    cv2.setNumThreads(2)
    for name, target in TARGETS.items():
        processor = Processor(target, processor_of(None).cache)
        for kind, shape in (("luma", (1080, 1920)), ("RGB", (1080, 1920, 3))):
            picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
            runs: dict[str, Any] = {
                "opencv": lambda p=picture: cv2.resize(p, (3840, 2160), interpolation=cv2.INTER_CUBIC)
            }
            for model in MODELS:
                program = thinlens.load(model)
                for form, chosen in (("int8", program), ("float", replace(program, uint8=None))):
                    compiled = Compiled(chosen, processor)
                    runs[f"{model} {form}"] = lambda c=compiled, p=picture: c(p, threads=2)
            print(name, kind, file=sys.stderr)
            found.append({"target": name, "name": str(processor), "picture": kind, "times": quartiles(runs)})
    return found


def command(thinlens_command: str) -> dict[str, dict[str, list[float]]]:
    """Seconds of `thinlens upscale` on the example photo: the first run, nothing cached, and five more."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in ("AVX2", "this one"):
        for model in ("fast", "balanced", "best"):
            with TemporaryDirectory() as folder:
                environment = {**os.environ, "THINLENS_CACHE": folder, "THINLENS_TARGET": TARGETS[name]}
                call = [thinlens_command, "upscale", str(ROOT / "examples" / "photo.png"), "-m", model]
                seconds: list[float] = []
                for index in range(6):
                    start = perf_counter()
                    target = ["-o", f"{folder}/{index}.png"]
                    subprocess.run([*call, *target], env=environment, check=True, stdout=subprocess.DEVNULL)
                    seconds.append(perf_counter() - start)
            found.setdefault(name, {})[model] = seconds
            print(name, model, seconds, file=sys.stderr)
    return found


def peers() -> list[dict[str, Any]]:
    """`best` in other engines on this processor: the float program, and the quantized one."""
    program = thinlens.load("best")
    assert program.uint8 is not None
    found: list[dict[str, Any]] = []
    for form, given in (("float", replace(program, uint8=None)), ("quantized", program.uint8)):
        speed = measure([given], (1920, 1080), ("openvino", "onnxruntime", "ncnn"), 2, False, 5, print)
        found += [{"form": form, "engine": t.engine, "ms": [t.lower, t.median, t.upper]} for t in speed.timings]
    return found


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    lines = [
        "# The same models on other classes of processors",
        "",
        f"Made by `benchmarks/processors.py`: {found['machine']}; 2 threads; {found['date']}.",
        "A class is named on this machine as a Halide target, so the clock is this machine's. 1920×1080 uint8, ×2, ms:",
        f"the median of {ROUNDS} rounds, quartiles in brackets.",
    ]
    for part in found["forms"]:
        times = part["times"]
        bicubic = times["opencv"][1]
        lines += [
            "",
            f"## {part['target']}, {part['picture']}",
            "",
            f"`{part['name']}`; OpenCV `INTER_CUBIC` {bicubic:.2f} ms",
            "",
            "| model | int8 | float32 | int8 / float32 | int8 / OpenCV |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for model in MODELS:
            lower, middle, upper = times[f"{model} int8"]
            other = times[f"{model} float"][1]
            lines.append(
                f"| {model} | {middle:.2f} [{lower:.2f}–{upper:.2f}] | {other:.2f} | {middle / other:.2f} "
                f"| {middle / bicubic:.2f} |"
            )
    lines += [
        "",
        "## `best` in other engines, this processor, luma",
        "",
        "| form | engine | ms |",
        "| --- | --- | ---: |",
    ]
    lines += [
        f"| {p['form']} | {p['engine']} | {p['ms'][1]:.1f} [{p['ms'][0]:.1f}–{p['ms'][2]:.1f}] |"
        for p in found["peers"]
    ]
    lines += [
        "",
        "## `thinlens upscale examples/photo.png`, seconds",
        "",
        "| target | model | first run, nothing cached | later runs, median | least |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name, models in found["command"].items():
        for model, (first, *later) in models.items():
            lines.append(f"| {name} | {model} | {first:.2f} | {np.median(later):.2f} | {min(later):.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    found = {
        "machine": machine(),
        "date": date.today().isoformat(),
        "command": command(sys.argv[1]),
        "forms": forms(),
        "peers": peers(),
    }
    name = sys.argv[2] if len(sys.argv) > 2 else "processors"
    (RESULTS / f"{name}.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text(markdown(found), encoding="utf-8")
