"""Point sampling of feature maps in one pass, against the reference: alone, and with the layers of DySample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from equivalence.tolerances import FLOAT
from processors import HERE
from thinlens.kernels import Compiled, compile
from thinlens.kernels.host import processor_of
from thinlens.pipelines import plain
from thinlens.pipelines.build import choose
from thinlens.pipelines.sampling import features as sampling
from thinlens.program import (
    Activation,
    Add,
    Convolution,
    Multiply,
    PixelShuffle,
    PointSample,
    Program,
    Slice,
    reference,
)

SIZES = [(1, 1), (9, 37)]
VARIANTS = [(style, dynamic) for style in ("lp", "pl") for dynamic in (False, True)]


def alone(channels: int, groups: int, scale: int, bound: float) -> Program:
    """The operation alone: features, and as further channels their offsets before the pixel shuffle."""
    whole = channels + 2 * groups * scale**2
    ops = (Slice(0, whole, 0, channels), Slice(0, whole, channels, whole), PixelShuffle(2, scale))
    return Program("alone", (*ops, PointSample(1, 3, groups, scale, bound)))


def module(scale: int, groups: int, style: Any, dynamic: bool, channels: int = 16) -> Any:
    """DySample with weights that make offsets of some pixels."""
    torch = pytest.importorskip("torch")
    from thinlens.nets import DySample

    torch.manual_seed(1)
    made = DySample(channels, scale, style, groups, dynamic)
    for name, value in made.named_parameters():
        torch.nn.init.normal_(value, std=3 if name.endswith("bias") else 3 / value.shape[1] ** 0.5)
    return made


def maps(program: Program, height: int, width: int, spread: float = 1) -> NDArray[np.float32]:
    return np.random.default_rng(height).normal(0, spread, (height, width, program.channels)).astype(np.float32)


@pytest.mark.parametrize("target", HERE.values(), ids=list(HERE))
@pytest.mark.parametrize(
    "program", [alone(64, 4, 2, 3.0), alone(12, 1, 3, 1.0), alone(40, 5, 1, 2.0)], ids=["64-4-2", "12-1-3", "40-5-1"]
)
def test_alone(program: Program, target: str) -> None:
    assert choose(program)[0] is sampling.FORM
    compiled = Compiled(program, processor_of(target))
    for height, width in SIZES:
        source = maps(program, height, width, 1.5)
        wanted = reference.run(program, source)
        found = [compiled(source, threads=threads) for threads in (1, 2, None)]
        np.testing.assert_allclose(found[0], wanted, atol=FLOAT, rtol=0)
        np.testing.assert_array_equal(found[1], found[0])
        np.testing.assert_array_equal(found[2], found[0])


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_the_module(scale: int, groups: int, style: Any, dynamic: bool) -> None:
    """torch = reference = pipeline, for all variants."""
    torch = pytest.importorskip("torch")
    made = module(scale, groups, style, dynamic, 4 * scale**2 if style == "pl" else 20)
    program = made.lower(40.0)
    assert choose(program)[0] is sampling.FORM
    compiled = compile(program)
    for height, width in SIZES:
        source = maps(program, height, width) / 4
        wanted = reference.run(program, source)
        np.testing.assert_allclose(compiled(source), wanted, atol=FLOAT, rtol=0)
        with torch.no_grad():
            planes = torch.from_numpy(source).permute(2, 0, 1)[None]
            offsets = made.double().offsets(planes.double())
            exact = made(planes.double())[0].permute(1, 2, 0).numpy()
            made.float()
        assert offsets.abs().max() < 40 and (height < 9 or offsets.abs().max() > 1)
        np.testing.assert_allclose(wanted, exact, atol=FLOAT, rtol=0)


@pytest.mark.parametrize("style", ["lp", "pl"])
def test_in_bands_as_in_one_piece(style: Any) -> None:
    program = module(2, 4, style, True).lower(2.0)
    assert program.halo == 3
    compiled, source = compile(program), maps(program, 40, 45)
    whole, halo = compiled(source), program.halo
    for start in range(0, 40, 8):
        top, bottom = max(start - halo, 0), min(start + 8 + halo, 40)
        band = compiled(source[top:bottom])
        np.testing.assert_array_equal(
            band[(start - top) * 2 : (start - top + 8) * 2], whole[start * 2 : start * 2 + 16]
        )


def test_what_lies_in_memory_otherwise_and_beyond_the_bound() -> None:
    program = alone(8, 2, 2, 0.5)
    compiled, source = compile(program), maps(program, 9, 14, 100)
    wanted = reference.run(program, source)
    np.testing.assert_allclose(compiled(np.asfortranarray(source)), wanted, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(compiled(source[:, ::-1])[:, ::-1].shape, wanted.shape)
    rows = np.zeros((9, 20, program.channels), np.float32)
    rows[:, 3:17] = source
    np.testing.assert_allclose(compiled(rows[:, 3:17]), wanted, rtol=1e-5, atol=1e-3)


def weight(outputs: int, inputs: int, kernel: int = 1) -> Any:
    return np.random.default_rng(0).normal(0, 0.3, (outputs, inputs, kernel, kernel)).astype(np.float32)


@pytest.mark.parametrize(
    "ops",
    [
        (Convolution(0, weight(8, 4, 3)), PixelShuffle(1, 2), PointSample(0, 2, 1, 2, 1.0)),
        (Convolution(0, weight(8, 4)), PixelShuffle(1, 2), PointSample(0, 2, 1, 2, 1.0), Activation(3, "relu")),
        (Convolution(0, weight(4, 4)), Convolution(1, weight(8, 4)), PixelShuffle(2, 2), PointSample(1, 3, 1, 2, 1.0)),
        (Convolution(0, weight(8, 4)), Add(1, 1), PixelShuffle(2, 2), PointSample(0, 3, 1, 2, 1.0)),
        (
            *(Convolution(0, weight(8, 4)), Convolution(0, weight(8, 4)), Activation(2, "tanh")),
            *(Multiply(1, 3), PixelShuffle(4, 2), PointSample(0, 5, 1, 2, 1.0)),
        ),
        (
            *(Slice(0, 4, 0, 2), Slice(0, 4, 2, 4), Convolution(2, weight(8, 2)), PixelShuffle(3, 2)),
            PointSample(1, 4, 1, 2, 1.0),
        ),
    ],
    ids=["3x3", "something after", "layers between", "a sum", "tanh", "part of the picture"],
)
def test_what_is_more_than_that_gets_the_form_of_all_programs(ops: Any) -> None:
    program = Program("other", ops)
    assert choose(program)[0] is plain.FORM
    source = maps(program, 5, 8)
    np.testing.assert_allclose(compile(program)(source), reference.run(program, source), atol=FLOAT)
