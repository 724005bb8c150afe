"""Chains of layers, fused, against the NumPy reference: families, paddings, kinds of pictures, tiles, threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest

import processors
from equivalence.tolerances import FLOAT, LEVELS
from programs import convolution, picture
from thinlens import nets
from thinlens.kernels import Compiled, compile
from thinlens.kernels.host import processor_of
from thinlens.photo import Stage, in_bands
from thinlens.pipelines.many_layers import chain as chains
from thinlens.pipelines.many_layers import float32
from thinlens.program import (
    Activation,
    Add,
    AddChroma,
    Convolution,
    Function,
    Luma,
    Operation,
    Padding,
    PixelShuffle,
    Program,
    ReduceMax,
    SoftmaxSum,
    reference,
)

SIZES = [(1, 1), (1, 70), (67, 1), (2, 3), (18, 33), (35, 129)]


def chain(
    name: str,
    kernels: Sequence[int],
    channels: Sequence[int],
    scale: int,
    functions: Sequence[Function | None],
    padding: Padding | Sequence[Padding] = "zero",
    residual: bool = False,
    after: Sequence[Operation] = (),
    pad_value: float | None = None,
) -> Program:
    """Layers with these kernels and channels, the shuffle, if it enlarges, and what comes after.

    `pad_value` pads all inner maps.
    """
    ops: list[Operation] = []
    paddings = [padding] * len(kernels) if isinstance(padding, str) else padding
    for index, (kernel, inputs, outputs) in enumerate(zip(kernels, (1, *channels), channels, strict=False)):
        layer = convolution(len(ops), outputs, inputs, kernel, paddings[index], bias=index % 2 == 0, seed=index)
        weight = layer.weight / np.abs(layer.weight).sum((1, 2, 3), keepdims=True)  # no map grows
        values = (
            None if pad_value is None or index == 0 else np.linspace(-pad_value, pad_value, inputs).astype(np.float32)
        )
        ops.append(Convolution(layer.source, weight, layer.bias, layer.padding, values))
        if index < len(functions) and (function := functions[index]) is not None:
            slope = np.linspace(-0.2, 1.1, outputs).astype(np.float32) if function == "prelu" else None
            ops.append(Activation(len(ops), function, slope))
    if residual:
        ops.append(Add(len(ops), 0))
    if scale > 1:
        ops.append(PixelShuffle(len(ops), scale))
    for op in after:
        match op:
            case Activation():
                ops.append(Activation(len(ops), op.function))
            case SoftmaxSum():
                ops.append(SoftmaxSum(len(ops), op.logit))
            case _:
                ops.append(ReduceMax(len(ops)))
    return Program(name, tuple(ops))


SIGMOID = (Activation(0, "sigmoid"),)
SQUARED = (SoftmaxSum(0, "key*key"),)
FAMILIES = [
    chain("ESPCN", (5, 3, 3), (4, 7, 4), 2, ("tanh", "tanh"), "zero", after=SIGMOID),
    chain("ESPCN edge", (5, 3, 3), (5, 9, 9), 3, ("tanh", "tanh"), "edge", after=SIGMOID),
    chain("ESPCN D0", (3, 3), (3, 4), 2, ("tanh",), "edge", after=SIGMOID),
    chain("eSR-CNN", (5, 3, 3), (3, 6, 32), 2, ("tanh", "tanh"), "zero", after=SQUARED),
    chain("eSR-CNN D0", (3, 3), (5, 24), 2, ("tanh",), "edge", after=SQUARED),
    chain("FSRCNN", (5, 1, 3, 3, 1, 5), (13, 5, 5, 5, 13, 4), 2, ("prelu",) * 5, "zero"),
    chain("FSRCNN edge", (5, 1, 3, 1, 5), (25, 3, 3, 25, 4), 2, ("prelu",) * 4, "edge"),
    chain("FSRCNN M0", (5, 1, 1, 3), (6, 1, 6, 16), 4, ("prelu",) * 3, "zero"),
    chain("ECBSR", (3, 3, 3, 3), (8, 8, 8, 4), 2, ("prelu",) * 3, "zero", residual=True),
    chain("ECBSR edge", (3, 3, 3, 3), (17, 17, 17, 16), 4, ("relu",) * 3, "edge", residual=True),
    chain("ECBSR M0", (3, 3), (6, 9), 3, ("softplus",), "zero", residual=True),
    chain("ECBSR same size", (3, 3, 3), (8, 5, 1), 1, ("prelu",) * 2, "edge", residual=True),
]
TRANSPOSED = [
    nets.lower(nets.build(nets.parse(identifier), padding))
    for identifier in ("FSRCNN_s2_D5_S2_M1", "FSRCNN_s3_D4_S3_M0", "FSRCNN_s4_D5_S2_M0")
    for padding in get_args(Padding)
]
OTHERS = [
    chain("linear", (3, 3, 3), (3, 4, 4), 2, (None, "relu"), "zero"),
    chain("pad value", (3, 3, 5), (3, 4, 4), 2, ("relu", None), "zero", pad_value=0.5),
    chain("both", (9, 3, 5, 3), (3, 4, 2, 4), 2, ("prelu",) * 3, ("edge", "zero", "edge", "zero"), residual=True),
    chain("1×1 last", (3, 1, 1), (30, 4, 4), 2, ("relu", "relu"), "edge"),
    chain("7×7", (7, 7), (2, 8), 2, ("tanh",), "edge", after=(ReduceMax(0),)),
    chain("same size", (3, 3), (2, 3), 1, ("relu",), "zero", after=(ReduceMax(0),)),
]


def name(program: Program) -> str:
    return program.name


def check(compiled: Compiled, source: np.ndarray[Any, Any], **options: Any) -> np.ndarray[Any, Any]:
    wanted = reference.run(compiled.program, source)
    result = compiled(source, **options)
    assert result.dtype == wanted.dtype and result.shape == wanted.shape
    limit = FLOAT if source.dtype == np.float32 else LEVELS
    assert np.abs(wanted.astype(np.float64) - result).max() <= limit
    return result


@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
@pytest.mark.parametrize("program", [*FAMILIES, *TRANSPOSED, *OTHERS], ids=name)
def test_chains(program: Program, color: bool) -> None:
    for seed, (height, width) in enumerate(SIZES):
        check(compile(program), picture(height, width, color, np.float32, seed))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("program", [FAMILIES[1], FAMILIES[5], FAMILIES[9]], ids=name)
def test_stored_integers(program: Program, dtype: Any) -> None:
    for color in (False, True):
        for height, width in ((1, 1), (19, 45)):
            check(compile(program), picture(height, width, color, dtype))


@pytest.mark.parametrize("program", [FAMILIES[0], FAMILIES[6], FAMILIES[9], OTHERS[2]], ids=name)
@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
@pytest.mark.usefixtures("uncached")
def test_the_same_whatever_the_tiles_and_the_threads(
    program: Program, color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = picture(150, 333, color, np.float32)
    whole = check(Compiled(program), source)
    monkeypatch.setattr(float32, "WIDEST", 100)
    monkeypatch.setattr(chains, "HIGHEST", 40)
    compiled = Compiled(program)
    assert np.array_equal(compiled(source), whole)
    for threads in (1, 2, 3, 64):
        assert np.array_equal(compiled(source, threads=threads), whole)
    scale, halo = program.scale, 12
    for top, left, bottom, right in ((0, 0, 140, 60), (13, 29, 48, 231), (90, 75, 150, 333)):
        above, before = max(top - halo, 0), max(left - halo, 0)
        tile = compiled(source[above : bottom + halo, before : right + halo])
        inner = tile[(top - above) * scale :, (left - before) * scale :]
        wanted = whole[top * scale : bottom * scale, left * scale : right * scale]
        assert np.array_equal(inner[: wanted.shape[0], : wanted.shape[1]], wanted)


def test_into_part_of_a_frame() -> None:
    compiled, source = compile(FAMILIES[6]), picture(20, 30, True, np.uint8)
    frame = np.zeros((44, 70, 3), np.uint8)
    compiled(source, frame[2:42, 5:65])
    assert np.array_equal(frame[2:42, 5:65], compiled(source))
    frame[2:42, 5:65] = 0
    assert not frame.any()


def test_which_programs_are_chains() -> None:
    for program in (*FAMILIES, *OTHERS):
        found, in_color = chains.match(program), chains.match(program.color)
        assert found is not None and in_color is not None
        assert [layer.convolution.weight.shape for layer in found.layers] == [
            op.weight.shape for op in program.ops if isinstance(op, Convolution)
        ]
        assert len(found.layers) == len(in_color.layers) and found.residual == in_color.residual
    assert chains.match(FAMILIES[0]).after == "sigmoid"  # type: ignore[union-attr]
    assert chains.match(FAMILIES[3]).choice == "key*key"  # type: ignore[union-attr]


first, second = convolution(0, 4, 1, 3), convolution(1, 4, 4, 3)


@pytest.mark.parametrize(
    "program",
    [
        Program("branches", (first, convolution(0, 4, 1, 3), Add(1, 2), PixelShuffle(3, 2))),
        Program("sum of maps", (first, second, Add(1, 2), PixelShuffle(3, 2))),
        Program("activation last", (first, second, Activation(2, "relu"), PixelShuffle(3, 2))),
        Program("after the shuffle", (first, PixelShuffle(1, 2), convolution(2, 1, 1, 3))),
        Program("prelu last", (first, PixelShuffle(1, 2), Activation(2, "prelu", np.ones(1, np.float32)))),
        Program("RGB", (convolution(0, 12, 3, 3), PixelShuffle(1, 2))),
        Program("luma", (Luma(0), convolution(1, 4, 1, 3), PixelShuffle(2, 2), Luma(0), AddChroma(3, 0, 2))),
    ],
    ids=name,
)
def test_other_programs_still_run(program: Program) -> None:
    assert chains.match(program) is None
    color = program.channels == 3
    check(compile(program), picture(7, 20, color, np.float32))


@pytest.mark.parametrize("processor", processors.HERE)
@pytest.mark.parametrize("program", [FAMILIES[6], FAMILIES[9]], ids=name)
def test_other_processors(program: Program, processor: str) -> None:
    compiled = Compiled(program, processor_of(processors.HERE[processor]))
    for color in (False, True):
        check(compiled, picture(29, 90, color, np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_chains(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, scale = int(random.integers(1, 7)), int(random.integers(1, 5))
    kernels = random.choice([1, 3, 5], count).tolist()
    channels = [*random.integers(1, 40, count).tolist(), scale**2]
    functions: list[Any] = random.choice(["relu", "prelu", "tanh", "sigmoid", "softplus", None], count).tolist()
    padding: list[Any] = random.choice(["zero", "edge"], count + 1).tolist()
    program = chain("random", (*kernels, 3), channels, scale, functions, padding, bool(random.integers(2)))
    for _ in range(3):
        height, width = (int(size) for size in random.integers(1, 200, 2))
        check(compile(program), picture(height, width, bool(seed % 2), np.float32, seed))


@pytest.mark.parametrize("program", [FAMILIES[0], FAMILIES[9]], ids=name)
def test_in_bands_of_any_height(program: Program) -> None:
    source, compiled = picture(97, 60, True, np.float32), compile(program)
    stage = Stage(compiled, program.color.halo, program.scale)
    bands = in_bands(np.split(source, [9, 10, 33, 60, 61, 80]), stage)
    assert np.array_equal(np.concatenate(list(bands)), compiled(source))
