"""How much of the processor the many-layer networks use: multiply-adds a second beside the most it can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import halide as hl
import numpy as np

from thinlens.kernels import Compiled
from thinlens.kernels.host import processor_of
from thinlens.program import Convolution, Program

THREADS = 2
LANES, SUMS, ITERATIONS = 16, 24, 400_000


@dataclass(frozen=True)
class Share:
    """A network on a luma picture of 1920×1080: milliseconds, multiply-adds, and the part of the peak that they are.

    `products` are the multiply-adds of all weights that are not zero; `peak` is in multiply-adds a second.
    """

    model: str
    padding: str
    milliseconds: float
    products: int
    peak: float

    @property
    def share(self) -> float:
        """Multiply-adds done in the time, of those that could have been done."""
        return self.products / (self.milliseconds / 1e3) / self.peak


def loop() -> Callable[[], float]:
    """A run of nothing but multiply-adds on sums in registers, which returns how many it did in a second."""
    x, y, block = hl.Var("x"), hl.Var("y"), hl.Var("block")
    factors, sums, output = hl.ImageParam(hl.Float(32), 1, "factors"), hl.Func("sums"), hl.Func("output")
    iterations = hl.RDom([(0, ITERATIONS)])
    sums[x, y] = hl.f32(0.1)
    sums[x, y] = sums[x, y] * factors[iterations.x % 8] + hl.f32(0.5)
    output[x, y] = sums[x, y]
    size = LANES * SUMS
    output.bound(x, 0, size).split(x, block, x, size).vectorize(x, LANES).unroll(x).parallel(y)
    sums.compute_at(output, block).vectorize(x, LANES).unroll(x)
    sums.update().reorder(x, iterations.x).vectorize(x, LANES).unroll(x)
    call = output.compile_to_callable([factors], processor_of().target)
    values, rows = np.full(8, 0.999, np.float32), np.zeros((4 * THREADS, size), np.float32)

    def run() -> float:
        start = perf_counter()
        call(hl.Buffer(values), hl.Buffer(rows))
        return rows.size * ITERATIONS / (perf_counter() - start)

    return run


def shares(programs: list[Program], rounds: int = 7) -> list[Share]:
    """Every network and the loop in turn, `rounds` times; medians, and the best of the loop."""
    low, peak = np.random.default_rng(0).integers(0, 256, (1080, 1920)).astype(np.uint8), loop()
    compiled = [Compiled(program) for program in programs]
    for call in compiled:
        call(low, threads=THREADS)
    peak()
    peaks, times = list[float](), [list[float]() for _ in programs]
    for _ in range(rounds):
        peaks.append(peak())
        for call, seconds in zip(compiled, times, strict=True):
            start = perf_counter()
            call(low, threads=THREADS)
            seconds.append(perf_counter() - start)
    found: list[Share] = []
    for program, seconds in zip(programs, times, strict=True):
        layers = [op for op in program.ops if isinstance(op, Convolution)]
        products = sum(np.count_nonzero(layer.weight) for layer in layers) * low.size
        found.append(Share(program.name, layers[-1].padding, median(seconds) * 1e3, int(products), max(peaks)))
    return found
