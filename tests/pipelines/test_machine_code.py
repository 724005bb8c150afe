"""The machine code of the presets: the inner loops multiply as the processor does it quickest, and nothing else.

A loop that holds the multiplications of a layer may hold a few of general registers, which find where a row lies in
memory, and must not move single values between general and vector registers.
"""

from __future__ import annotations

import numpy as np
import pytest

import processors
from loops import loops
from thinlens import run
from thinlens.kernels.objects import assembly
from thinlens.pipelines.picture import Picture
from thinlens.pipelines.processor import Processor
from thinlens.program import Convolution, Program

TARGETS = processors.X86 | {"ARM": "arm-64-linux", "ARM dot product": "arm-64-linux-arm_dot_prod"}
CHAINS = {
    "SSE2": "pmaddwd",
    "SSE4.1": "pmaddwd",
    "AVX2": "vpmaddwd",
    "AVX-VNNI": "vpdpbusd",
    "AVX-512": "vpmaddwd",
    "AVX-512 VNNI": "vpdpbusd",
    "ARM": r"smull2? v\d+\.8h",
    "ARM dot product": r"sdot v\d+\.4s",
}
"""What multiplies the quantized values of a chain: a regular expression for mnemonic and operands."""
ONE_LAYER = CHAINS | {
    "SSE2": "pmullw",
    "SSE4.1": "pmaddubsw",
    "AVX2": "vpmaddubsw",
    "AVX-VNNI": "vpmaddubsw",
    "AVX-512": "vpmaddubsw",
    "ARM": r"smlal2? v\d+\.8h",
}
"""The same for `fast`, whose sums fit 16 bits."""
OTHERS = (
    r"v?pmulld|v?pmuludq|v?pmullw|v?pmaddwd|v?pmaddubsw|vpdpbusd|v?p?mul[sp]s|vfn?m\w+|"
    r"(?:[us]mull|[us]mlal|mul|mla|fmla|fmul|[su]dot)2? v"
)
"""All multiplications of vectors."""
ADDRESSES = 2
"""Multiplications of general registers that a loop may have: one for each of two loops that LLVM made into one."""
QUICK = [
    (model, name, 1) for model in ("fast", "best") for name in ("AVX2", "AVX-VNNI", "AVX-512 VNNI", "ARM dot product")
]
SLOW = [
    case
    for model in ("fast", "balanced", "fine", "best")
    for name in TARGETS
    for channels in (1, 3)
    if (case := (model, name, channels)) not in QUICK
]


def layers(program: Program) -> int:
    """Layers with integer weights."""
    return sum(isinstance(op, Convolution) and op.weight.dtype.kind == "i" for op in program.ops)


@pytest.mark.parametrize(
    ("model", "name", "channels"), QUICK + [pytest.param(*case, marks=pytest.mark.slow) for case in SLOW]
)
def test_inner_loops_multiply_as_the_processor_does_it_quickest(model: str, name: str, channels: int) -> None:
    program, picture = run.load(model, 2), Picture(np.dtype(np.uint8), channels)
    code, expected = (
        assembly(program, picture.dtype, picture.channels, Processor(TARGETS[name])),
        (ONE_LAYER if model == "fast" else CHAINS)[name],
    )
    found = loops(code, expected)
    assert len(found) == layers(program.for_picture(picture.dtype, channels))
    for loop in found:
        assert loop.scalar_multiplications <= ADDRESSES
        assert loop.single_values == 0
        assert set(loop.multiplications(OTHERS)) <= set(loop.multiplications(expected))


def test_scalar_loops_are_noticed() -> None:
    code = """
.LBB0_1:
    ldrb w9, [x1], #1
    mul w9, w9, w8
    mla v0.8h, v1.8h, v2.h[0]
    umov w10, v0.h[0]
    subs x3, x3, #1
    b.ne .LBB0_1   // back
"""
    (loop,) = loops(code, r"mla v\d+\.8h", fewest=1)
    assert (loop.products, loop.scalar_multiplications, loop.single_values) == (1, 1, 1)
    assert loops(code, "sdot", fewest=1) == []
