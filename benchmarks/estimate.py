"""What processors that are not here would take for the inner loops of the presets: an estimate, by llvm-mca.

From the assembly of a preset come the loops that multiply, one for each layer; llvm-mca (LLVM 19) says how many cycles
an iteration of each takes by LLVM's model of a processor, with all data in the first-level cache and no misses. How
many iterations a low-resolution pixel takes are the products of its layer, zeros that fill up groups included, divided
by those of an iteration: multiply instructions times lanes times products in each. What is not in these loops, as
requantization, activations, the composition of rows, is not counted.

    python benchmarks/estimate.py          # writes results/estimate.md; needs llvm-mca-19: apt-get install llvm-19
    python benchmarks/estimate.py 2.6      # and measures the whole pipelines on a processor with VNNI, of 2.6 GHz
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np

from thinlens import run
from thinlens.evaluation.speed import machine
from thinlens.kernels import Compiled
from thinlens.pipelines.one_layer import fixed_point
from thinlens.pipelines.one_layer.layer import match as one_layer
from thinlens.pipelines.picture import Picture
from thinlens.pipelines.processor import Processor
from thinlens.program import Convolution, Program

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # what reads machine code is with the tests
from loops import Loop, loops  # noqa: E402
from processors import X86  # noqa: E402
from thinlens.kernels.objects import assembly  # noqa: E402

MCA = next((name for name in ("llvm-mca-19", "llvm-mca") if shutil.which(name)), None)
LUMA = Picture(np.dtype(np.uint8), 1)
PRESETS = ("fast", "balanced", "best")
SUMS = re.compile(r'%"?\d+_(end_)?for_(sums|registers|features)(_\d+)?(\$\d+)?\.s1\.r')
"""What LLVM says of a loop over the taps of a layer."""
ARM, DOT = "arm-64-linux", "arm-64-linux-arm_dot_prod"
MODELS = {
    "Cortex-A72": (ARM, "cortex-a72"),
    "Cortex-A76": (DOT, "neoverse-n1"),
    "Apple M1": (DOT, "apple-m1"),
    "Zen 3": (X86["AVX2"], "znver3"),
    "Alder Lake": (X86["AVX-VNNI"], "alderlake"),
    "Sapphire Rapids": (X86["AVX-512 VNNI"], "sapphirerapids"),
}
"""Halide's target for each processor, and LLVM's model of it."""
PRODUCTS = r"(fmla|mla|[su]ml[as]l2?|[su]mull2?|[su]dot) v|v?pmadd|v?pmull|vpdpbusd|v?mulps|vfn?madd"
X86_PRODUCTS = {"pmaddwd": 8, "pmaddubsw": 16, "pdpbusd": 16, "pmulld": 4, "pmullw": 8}
"""Products of a multiplication of vectors of 128 bits; float ones have 4."""
WIDTHS = {"x": 1, "y": 2, "z": 4}


@dataclass(frozen=True)
class Layer:
    """An inner loop: cycles and products of an iteration, products for each low-resolution pixel."""

    cycles: float
    products: int
    needed: int

    @property
    def pixel(self) -> float:
        """Cycles for each low-resolution pixel."""
        return self.cycles * self.needed / self.products


def products(loop: Loop) -> int:
    """Multiply-adds of an iteration."""
    return sum(_products(name, operands) for name, operands in loop.instructions)


def _products(name: str, operands: str) -> int:
    if arm := re.match(r"v\d+\.(\d+)[bhsd]", operands):
        if re.fullmatch(r"[su]dot", name):
            return 4 * int(arm[1])
        return int(arm[1]) if re.fullmatch(r"fmla|mla|[su]mlal2?|[su]mull2?|fmul|mul", name) else 0
    register = re.match(r".*%([xyz])mm\d+$", operands)
    if register is None:
        return 0
    if name.removeprefix("v") in X86_PRODUCTS:
        return X86_PRODUCTS[name.removeprefix("v")] * WIDTHS[register[1]]
    return 4 * WIDTHS[register[1]] if re.fullmatch(r"vfn?madd\d+ps|v?mulps", name) else 0


def needed(program: Program, processor: Processor) -> list[int]:
    """Products of each layer for a low-resolution pixel, as its loop computes them: whole groups."""
    layer = one_layer(program)
    if layer is not None and layer.shift is not None:
        how = fixed_point.products(layer, processor)
        groups = -(-(layer.kernel + fixed_point.ROWS - 1) // how.size)
        return [len(layer.weight) * how.parts * groups * how.size * layer.kernel]
    result: list[int] = []
    for op in program.ops:
        if isinstance(op, Convolution):
            outputs, inputs, kernel, _ = op.weight.shape
            size = processor.packing.size if op.weight_scale is not None else 1
            result.append(outputs * -(-inputs // size) * size * kernel**2)
    return result


def cycles(loop: Loop, cpu: str, target: str) -> float:
    """Cycles of an iteration, by LLVM's model."""
    assert MCA is not None, "llvm-mca is missing: apt-get install llvm-19"
    triple = "aarch64" if target.startswith("arm") else "x86_64"
    text = "\n".join(" ".join(instruction) for instruction in loop.instructions if instruction[0] != "jmp")
    command = [MCA, f"-mtriple={triple}", f"-mcpu={cpu}", "-iterations=100"]
    command += ["-mattr=+dotprod"] if triple == "aarch64" else []
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = re.search(r"Total Cycles:\s+(\d+)", done.stdout)
    assert found is not None
    return int(found[1]) / 100


def estimate(program: Program, processor: Processor, cpu: str) -> list[Layer]:
    """The layers of a program on a processor."""
    inner = [
        loop
        for loop in loops(assembly(program, LUMA.dtype, LUMA.channels, processor), PRODUCTS, 4)
        if SUMS.search(loop.label)
    ]
    wanted = needed(program.for_picture(LUMA.dtype, 1), processor)
    assert len(inner) == len(wanted), [loop.label for loop in inner]
    return [
        Layer(cycles(loop, cpu, processor.name), products(loop), need) for loop, need in zip(inner, wanted, strict=True)
    ]


def as_float(program: Program) -> Program:
    """The float form of a preset."""
    return replace(program, uint8=None)


def measured(programs: Sequence[Program], hertz: float) -> list[float]:
    """Cycles for each low-resolution pixel on this machine, whole pipelines, one thread, the least of 15 times."""
    frame = np.random.default_rng(0).integers(0, 256, (540, 960), dtype=np.uint8)
    result: list[float] = []
    for program in programs:
        compiled = Compiled(program, Processor(MODELS["Sapphire Rapids"][0], 2048 * 1024))
        times: list[float] = []
        for _ in range(15):
            start = perf_counter()
            compiled(frame, threads=1)
            times.append(perf_counter() - start)
        result.append(min(times) * hertz / frame.size)
    return result


def table() -> str:
    """The estimates, as Markdown."""
    about = subprocess.run([str(MCA), "--version"], capture_output=True, text=True, check=True).stdout
    release = re.search(r"LLVM version ([\d.]+)", about)
    lines = [
        "# Estimated cycles of the inner loops",
        "",
        f"llvm-mca of LLVM {release[1] if release else '?'}; machine code of Halide {version('halide')}; "
        f"luma uint8, ×2; {date.today().isoformat()}.",
        "",
        "**This is an estimate, of the inner loops alone, not measured.** Cycles for each low-resolution pixel, one",
        "core, all data in the first-level cache: what multiplies, and nothing of what is around it (`python",
        "benchmarks/estimate.py`, which has the method). In brackets the same network in float. LLVM has no model of",
        "the Cortex-A76 of its own: Neoverse N1 is that core for servers. Its model of the Apple M1 is that of an",
        "older core.",
        "",
        "| processor (LLVM's model) | " + " | ".join(PRESETS) + " |",
        "| --- |" + " ---: |" * len(PRESETS),
    ]
    for name, (target, cpu) in MODELS.items():
        cells: list[str] = []
        for preset in PRESETS:
            program, processor = run.load(preset, 2), Processor(target)
            whole = sum(layer.pixel for layer in estimate(program, processor, cpu))
            alone = sum(layer.pixel for layer in estimate(as_float(program), processor, cpu))
            cells.append(f"{whole:.1f} ({alone:.1f})")
        lines.append(f"| {name} (`{cpu}`) | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = table()
    if len(sys.argv) == 2:
        gigahertz = float(sys.argv[1])
        programs = [run.load(preset, 2) for preset in PRESETS]
        whole, alone = (measured(part, gigahertz * 1e9) for part in (programs, [as_float(p) for p in programs]))
        cells = " | ".join(f"{a:.1f} ({b:.1f})" for a, b in zip(whole, alone, strict=True))
        text += (
            f"\nMeasured beside it, whole pipelines in one thread on {machine()}, at {gigahertz} GHz,\n"
            f"with a load of {os.getloadavg()[0]:.1f} beside it: {cells}. LLVM's\n"
            "model of Sapphire Rapids has one unit that multiplies vectors of 512 bits, this processor has two.\n"
        )
    (ROOT / "benchmarks" / "results" / "estimate.md").write_text(text, encoding="utf-8")
    print(text)
