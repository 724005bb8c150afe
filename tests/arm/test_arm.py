"""ARM, with and without a dot product, under QEMU: every form of pipelines against the NumPy reference and x86.

Quantized chains give the bytes that x86 gives, all of them: what is float between layers is rounded alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import processors
from arm.emulation import MISSING, REASON, TARGETS, Emulated, emulate
from equivalence.tolerances import FLOAT, INTEGER, LEVELS
from pipelines import test_many_layers_quantized as quantized_chains
from pipelines import test_tables as tables
from pipelines.test_compile import wide
from pipelines.test_many_layers import chain
from programs import convolution, float_program, integer_program, picture, quantized_program
from thinlens.kernels.compiled import Compiled
from thinlens.kernels.host import processor_of
from thinlens.pipelines.build import choose
from thinlens.pipelines.many_layers import float32 as many_float32
from thinlens.pipelines.many_layers import quantized
from thinlens.pipelines.one_layer import fixed_point
from thinlens.pipelines.one_layer import float32 as one_float32
from thinlens.pipelines.picture import Picture
from thinlens.pipelines.plain import FORM as PLAIN
from thinlens.pipelines.tables import layers as table_layers
from thinlens.pipelines.tables import margins as table_margins
from thinlens.pipelines.tables import pairs as table_pairs
from thinlens.pipelines.tables import simplex as table_simplex
from thinlens.program import Convolution, PixelShuffle, Program, reference

pytestmark = pytest.mark.skipif(bool(MISSING), reason=REASON)
SIZES = [(1, 1), (2, 3), (41, 70)]
LUMA, RGB, LUMA_16, RGB_16, LUMA_FLOAT, RGB_FLOAT = (
    Picture(np.dtype(dtype), channels) for dtype in (np.uint8, np.uint16, np.float32) for channels in (1, 3)
)


def small(program: Program) -> Program:
    """A fixed-point program with smaller weights, whose sums fit 16 bits."""
    assert program.uint8 is not None
    ops = tuple(
        replace(op, weight=(op.weight // 8).astype(np.int16)) if isinstance(op, Convolution) else op
        for op in program.uint8.ops
    )
    return replace(program, uint8=replace(program.uint8, ops=ops))


EXACT: dict[str, tuple[Program, Any, list[Picture]]] = {
    "weights of a byte": (integer_program(2, 3, 2), fixed_point.FORM, [LUMA, RGB]),
    "sums of 16 bits": (small(integer_program(2, 3, 2)), fixed_point.FORM, [LUMA, RGB]),
    "weights of two bytes": (integer_program(3, 5, 2, 12, "edge", True), fixed_point.FORM, [LUMA, RGB]),
    "plain integers": (wide(), PLAIN, [LUMA]),
    "tables of pairs, a margin": (tables.pair(2), table_margins.FORM, [LUMA, RGB]),
    "tables of pairs, blocks": (tables.pair(2, step=2), table_pairs.FORM, [LUMA]),
    "tables of samples": (tables.four(2), table_simplex.FORM, [LUMA, RGB]),
    "layers of tables": (tables.layers(2, 8, 5), table_layers.FORM, [LUMA, RGB]),
}
FLOATS: dict[str, tuple[Program, Any, list[Picture]]] = {
    "maximum": (float_program("maximum", 2, 3, 2), one_float32.FORM, [LUMA, RGB_16]),
    "softmax": (float_program("query*key", 2, 5, 2, "edge", True), one_float32.FORM, [RGB, LUMA_FLOAT]),
    "ECBSR": (
        chain("ECBSR", (3, 3, 3), (8, 8, 4), 2, ("prelu",) * 2, "zero", residual=True),
        many_float32.FORM,
        [LUMA, RGB_FLOAT],
    ),
    "FSRCNN": (chain("FSRCNN", (5, 1, 5), (9, 5, 4), 2, ("prelu",) * 2, "edge"), many_float32.FORM, [LUMA_16]),
    "plain int8": (quantized_program(2, 6, "edge", zeros=True), PLAIN, [LUMA]),
    "plain": (Program("RGB", (convolution(0, 12, 3, 3), PixelShuffle(1, 2))), PLAIN, [RGB]),
}
QUANTIZED: dict[str, tuple[Program, Any, list[Picture]]] = {
    "quantized residual": (quantized_chains.net("residual", "edge"), quantized.FORM, [LUMA, RGB, LUMA_16, LUMA_FLOAT]),
    "quantized steep": (quantized_chains.net("steep", "zero"), quantized.FORM, [LUMA]),
    "quantized softmax": (quantized_chains.net("softmax", "zero"), quantized.FORM, [LUMA]),
    "quantized pointwise": (quantized_chains.net("pointwise", "zero"), quantized.FORM, [LUMA]),
}
ALL = EXACT | FLOATS | QUANTIZED


@pytest.fixture(scope="module", params=TARGETS)
def emulated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Emulated]:
    wanted = [(program, pictures) for program, _, pictures in ALL.values()]
    return dict(zip(ALL, emulate(request.param, wanted, tmp_path_factory.mktemp("arm")), strict=True))


def frames(kind: Picture) -> list[Any]:
    return [picture(height, width, kind.channels == 3, kind.dtype) for height, width in SIZES]


@pytest.mark.parametrize("name", ALL)
def test_it_is_the_form_that_is_meant(name: str) -> None:
    program, form, pictures = ALL[name]
    for kind in pictures:
        assert choose(program.for_picture(kind.dtype, kind.channels))[0] is form


@pytest.mark.parametrize("name", EXACT | FLOATS)
def test_equals_the_reference(emulated: dict[str, Emulated], name: str) -> None:
    for kind in ALL[name][2]:
        limit = INTEGER if name in EXACT else FLOAT if kind.dtype == np.float32 else LEVELS
        for frame in frames(kind):
            result, expected = emulated[name](frame), reference.run(emulated[name].program, frame)
            assert result.dtype == expected.dtype and result.shape == expected.shape
            assert np.abs(expected.astype(np.float64) - result).max() <= limit


@pytest.mark.parametrize("name", QUANTIZED)
def test_quantized_chains_equal_the_reference(emulated: dict[str, Emulated], name: str) -> None:
    for kind in ALL[name][2]:
        quantized_chains.check(emulated[name], frames(kind))  # type: ignore[arg-type]


@pytest.mark.skipif("AVX2" not in processors.HERE, reason="this processor has no AVX2 to compare ARM with")
@pytest.mark.parametrize("name", QUANTIZED)
def test_quantized_chains_give_the_picture_that_x86_gives(emulated: dict[str, Emulated], name: str) -> None:
    compiled = Compiled(emulated[name].program, processor_of(processors.HERE["AVX2"]))
    for kind in (LUMA, RGB) if RGB in ALL[name][2] else (LUMA,):
        for frame in frames(kind):
            here, there = compiled(frame), emulated[name](frame)
            np.testing.assert_array_equal(there, here)
