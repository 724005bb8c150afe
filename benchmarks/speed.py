"""Measure speed and write it to results/: `python benchmarks/speed.py luma rgb engines esr-cnn espcn ecbsr fsrcnn
published int8 large released released-rgb peak build`, any of them.

Networks that are not released have random weights, as before training: for speed they are as good as others. Each part
is kept as JSON, and results/speed.md is made anew from all that are there. Needs the extras [benchmark] and [train].
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import transposed
from peak import Share, shares

import thinlens
from thinlens import models, nets
from thinlens.bake import fuse, quantize, to_fixed_point
from thinlens.evaluation.speed import Speed, benchmark, machine, with_rows
from thinlens.kernels import Compiled
from thinlens.program import Padding, Program

RESULTS = Path(__file__).parent / "results"
OTHERS = ("openvino", "onnxruntime", "torch")
MANY = (*OTHERS, "ncnn", "opencv-dnn")
SPEEDS = {
    "luma": ("Luma beside OpenCV's INTER_CUBIC", ["Bicubic_s2", "eSR-MAX_s2_K3_C1", "eSR-MAX_s2_K3_C2",
             "eSR-MAX_s2_K5_C2", "eSR-TM_s2_K5_C4", "eSR-TR_s2_K5_C4", "eSR-TR_s2_K7_C4"], ("opencv",), False, 25),
    "rgb": ("RGB beside OpenCV's INTER_CUBIC", ["eSR-MAX_s2_K3_C2", "eSR-TR_s2_K5_C4", "eSR-TR_s2_K7_C4"],
            ("opencv",), True, 25),
    "engines": ("The same network in other engines", ["eSR-MAX_s2_K3_C2", "eSR-TM_s2_K5_C4", "eSR-TR_s2_K5_C4"],
                OTHERS, False, 4),
    "released": ("The released models, luma", models.names(), ("opencv",), False, 15),
    "released-rgb": ("The released models, RGB", models.names(), ("opencv",), True, 15),
    "esr-cnn": ("Three layers in other engines: eSR-CNN", ["eSR-CNN_s2_C4_D3_S6"], MANY, False, 3),
    "espcn": ("Three layers in other engines: ESPCN", ["ESPCN_s2_D16_S32"], MANY, False, 5),
    "ecbsr": ("Six layers in other engines: ECBSR", ["ECBSR_s2_M4_C16"], MANY, False, 4),
    "fsrcnn": ("Eight layers in other engines: FSRCNN", ["FSRCNN_s2_D56_S12_M4"], MANY, False, 3),
    "published": ("FSRCNN with its transposed convolution in other engines", [], (), False, 3),
    "int8": ("Many layers in float32 and in int8", [], (), False, 9),
    "large": ("A large one-layer network in other engines", ["eSR-TR_s2_K7_C16"], OTHERS, False, 3),
}  # fmt: skip
"""Title, networks, engines beside thinlens, in color, rounds."""
CHAINS = ["eSR-CNN_s2_C4_D3_S6", "ESPCN_s2_D16_S32", "ECBSR_s2_M4_C16", "FSRCNN_s2_D56_S12_M4"]
"""Networks of many layers, whose share of the peak is measured."""


@dataclass(frozen=True)
class Build:
    """Seconds to build one pipeline, the first call included, on a picture of one pixel."""

    model: str
    picture: str
    seconds: float


def program(identifier: str, padding: Padding = "zero") -> Program:
    """A released one-layer model, or a network with its initial weights, in fixed point too where it can be."""
    if identifier in models.names() and identifier not in CHAINS:
        return thinlens.load(identifier)
    torch.manual_seed(0)
    made = fuse(nets.lower(nets.build(nets.parse(identifier), padding)))
    return replace(made, uint8=to_fixed_point(made)) if identifier.startswith(("Bicubic", "eSR-MAX")) else made


def measure(part: str) -> None:
    """Measure one part and keep it."""
    if part == "build":
        text = with_rows("builds", map(asdict, builds()), {"machine": machine(), "date": date.today().isoformat()})
    elif part == "peak":
        programs = [program(name, padding) for name in CHAINS for padding in ("zero", "edge")]
        measured = map(asdict, shares(programs))
        text = with_rows("shares", measured, {"machine": machine(), "date": date.today().isoformat()})
    elif part == "published":
        text = transposed.measure(SPEEDS[part][4], date.today().isoformat()).to_json()
    else:
        _, identifiers, against, color, rounds = SPEEDS[part]
        released = part.startswith("released")
        programs = [thinlens.load(name) if released else program(name) for name in identifiers]
        if part == "int8":
            programs = [form for name in CHAINS for form in forms(program(name, "edge"))]
        text = benchmark(programs, against=against, threads=2, color=color, repeats=rounds).to_json()
    (RESULTS / f"speed-{part}.json").write_text(text + "\n", encoding="utf-8")


def forms(made: Program) -> tuple[Program, Program]:
    """A program in float32, and quantized, as a program of its own."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64), np.uint8)
    return made, replace(quantize(made, list(noise)), name=f"{made.name} int8")


def builds() -> list[Build]:
    """Every released network, scale, element type and color; none comes from the cache."""
    os.environ["THINLENS_CACHE"] = ""
    found: list[Build] = []
    for model in map(thinlens.load, models.names()):
        for shape in ((1, 1), (1, 1, 3)):
            for dtype in (np.uint8, np.uint16, np.float32):
                start = perf_counter()
                Compiled(model)(np.zeros(shape, dtype))
                kind = f"{'RGB' if len(shape) == 3 else 'luma'} {np.dtype(dtype)}"
                found.append(Build(model.name, kind, round(perf_counter() - start, 9)))
    return found


def write_table() -> None:
    """results/speed.md from the parts that are there."""
    lines = ["# Speed", "", "Made by `benchmarks/speed.py`; the method is in [the README](../README.md).", ""]
    for part, (title, *_) in SPEEDS.items():
        path = RESULTS / f"speed-{part}.json"
        if path.exists():
            lines += [f"## {title}", "", Speed.from_json(path.read_text(encoding="utf-8")).markdown()]
    path = RESULTS / "speed-peak.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        listed = [Share(**share) for share in found["shares"]]
        lines += [
            "## Share of the peak",
            "",
            f"luma uint8, 1920×1080 low-resolution; 2 threads; {found['machine']}; {found['date']}; a loop of nothing "
            f"but multiply-adds did {listed[0].peak / 1e9:.0f} G a second; zeros among the weights are not counted",
            "",
            "| model | padding | ms | G multiply-adds | a second | of the peak |",
            "| --- | --- | ---: | ---: | ---: | ---: |",
        ]
        for share in listed:
            done = share.products / 1e9
            row = (f"{share.milliseconds:.1f}", f"{done:.1f}", f"{done / share.milliseconds * 1e3:.0f}")
            lines.append(f"| {share.model} | {share.padding} | {' | '.join(row)} | {share.share:.0%} |")
        lines.append("")
    path = RESULTS / "speed-build.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        lines += [
            "## Building a pipeline",
            "",
            f"{found['machine']}; {found['date']}; seconds, one pipeline at a time",
            "",
        ]
        kinds = list(dict.fromkeys(build["picture"] for build in found["builds"]))
        lines += [f"| model | {' | '.join(kinds)} |", f"| --- |{' ---: |' * len(kinds)}"]
        for model in dict.fromkeys(build["model"] for build in found["builds"]):
            row = [f"{build['seconds']:.2f}" for build in found["builds"] if build["model"] == model]
            lines.append(f"| {model} | {' | '.join(row)} |")
        lines.append("")
    (RESULTS / "speed.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        measure(name)
    write_table()
