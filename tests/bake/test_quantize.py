"""Quantized programs: near the float program, with every promise of their form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from programs import convolution, deep_program, float_program, integer_program, picture
from thinlens import bake
from thinlens.bake.quantize import round_weights
from thinlens.program import (
    Activation,
    Add,
    Convolution,
    FakeQuantize,
    Function,
    Padding,
    PixelShuffle,
    Program,
    load,
    reference,
    save,
)


def smooth(seed: int, size: int = 40) -> NDArray[np.uint8]:
    """Waves of several lengths and directions over the full range, uint8: more like a photo than noise is."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    angles = [random.normal(0, 9) * x + random.normal(0, 9) * y + random.uniform(0, 6) for _ in range(6)]
    waves = np.sin(np.stack(angles)).sum(axis=0)
    waves = (waves - waves.min()) / np.ptp(waves)
    return np.rint(waves * 255).astype(np.uint8)


PICTURES = [smooth(seed) for seed in range(6)]


def chain(function: Function, padding: Padding, channels: int = 6) -> Program:
    """Three layers, the middle channels of very different ranges."""
    random = np.random.default_rng(3)
    first, second, last = (
        convolution(source, outputs, inputs, 3, padding, True, seed)
        for seed, (source, outputs, inputs) in enumerate(((0, channels, 1), (2, channels, channels), (4, 4, channels)))
    )
    first = replace(first, weight=first.weight * np.geomspace(0.02, 2, channels, dtype=np.float32)[:, None, None, None])
    slope = random.uniform(0, 0.6, channels).astype(np.float32) if function == "prelu" else None
    last = replace(last, weight=last.weight * np.float32(0.05))
    ops = (first, Activation(1, function, slope), second, Activation(3, function, slope), last, PixelShuffle(5, 2))
    return Program(f"chain_{function}_{padding}", ops)


@pytest.mark.parametrize("padding", ["zero", "edge"])
@pytest.mark.parametrize("function", ["relu", "prelu", "tanh", "sigmoid", "softplus"])
def test_quantized_is_near_the_float_program(function: Function, padding: Padding) -> None:
    program = chain(function, padding)
    quantized = bake.quantize(program, PICTURES)
    unseen = smooth(99).astype(np.float32) / np.float32(255)
    exact, rounded = reference.run(program, unseen), reference.run(quantized, unseen)
    error = np.sqrt(np.mean((rounded - exact) ** 2)) / exact.std()
    assert error < 0.015


def test_form_of_a_quantized_program() -> None:
    program = chain("prelu", "zero")
    quantized = bake.quantize(program, PICTURES)
    first, *others = [op for op in quantized.ops if isinstance(op, Convolution)]
    assert first.weight.dtype == np.float32
    assert all(op.weight.dtype == np.int8 and op.weight_scale is not None for op in others)
    assert all(isinstance(quantized.ops[op.source - 1], FakeQuantize) for op in others)
    assert all(np.abs(op.weight).max() <= 127 for op in others)
    assert quantized.quantized and quantized.uint8 is None
    assert (quantized.scale, quantized.halo, quantized.name) == (program.scale, program.halo, program.name)
    assert replace(program, uint8=quantized).color.uint8 is not None


def test_picture_added_at_the_end_is_not_rounded() -> None:
    program = deep_program("relu", 2, 4, "edge")
    quantized = bake.quantize(program, PICTURES)
    exact = reference.run(program, PICTURES[0].astype(np.float32) / np.float32(255))
    rounded = reference.run(quantized, PICTURES[0].astype(np.float32) / np.float32(255))
    assert np.abs(exact - rounded).max() < 0.02 * np.ptp(exact)
    (addition,) = (op for op in quantized.ops if isinstance(op, Add))
    assert 0 in addition.operands()
    assert all(op.source != 0 for op in quantized.ops if isinstance(op, FakeQuantize))


def test_a_pad_value_is_multiplied_like_the_source_that_it_surrounds() -> None:
    program = deep_program("relu", 2, 4, "zero")
    quantized = bake.quantize(program, PICTURES)
    last, layer = program.ops[2], quantized.ops[3]
    assert isinstance(last, Convolution) and isinstance(layer, Convolution) and last.pad_value is not None
    quantizer = quantized.ops[layer.source - 1]
    assert isinstance(quantizer, FakeQuantize) and quantizer.factor is not None and np.ptp(quantizer.factor) > 0
    np.testing.assert_array_equal(layer.pad_value, last.pad_value * quantizer.factor)


def test_rounding_of_weights_makes_up_for_what_it_changes() -> None:
    """With inputs that go together the error is less than half of that of rounding each weight by itself."""
    random = np.random.default_rng(5)
    causes = random.normal(size=(24, 4))
    weight, covariance = random.normal(size=(32, 24)), causes @ causes.T + 0.01 * np.eye(24)
    quantized, scale = round_weights(weight, covariance)
    assert np.array_equal(quantized, np.rint(quantized)) and np.abs(quantized).max() <= 127
    alone = np.rint(weight / scale[:, None]).clip(-127, 127)
    changes = (whole * scale[:, None] - weight for whole in (quantized, alone))
    made_up, left = (np.einsum("oi,ij,oj->", change, covariance, change) for change in changes)
    assert made_up < left / 2


@pytest.mark.parametrize("function", ["relu", "prelu", "tanh"])
def test_every_channel_uses_many_of_the_quantized_values(function: Function) -> None:
    program = chain(function, "zero")
    first = program.ops[0]
    assert isinstance(first, Convolution)
    uneven = np.geomspace(1, 30, len(first.weight)).astype(np.float32)[:, None, None, None]
    quantized = bake.quantize(
        replace(program, ops=(replace(first, weight=first.weight / uneven), *program.ops[1:])), PICTURES
    )
    values = [PICTURES[0][None].astype(np.float32) / np.float32(255)]
    for op in quantized.ops:
        values.append(reference.evaluate(op, values))
        if isinstance(op, FakeQuantize):
            assert (np.ptp(values[-1], axis=(1, 2)) / op.scale).min() > 64


def test_rgb_pictures_calibrate_as_their_luma() -> None:
    program = chain("relu", "edge")
    gray = bake.quantize(program, PICTURES)
    rgb = bake.quantize(program, [np.repeat(photo[..., None], 3, axis=2) for photo in PICTURES])
    for first, second in zip(gray.ops, rgb.ops, strict=True):
        if isinstance(first, Convolution) and isinstance(second, Convolution):
            np.testing.assert_array_equal(first.weight, second.weight)


def test_same_pictures_same_program() -> None:
    program = chain("tanh", "edge")
    first, second = (bake.quantize(program, PICTURES) for _ in range(2))
    photo = smooth(7)
    np.testing.assert_array_equal(reference.run(first, photo), reference.run(second, photo))


def test_a_file_keeps_it(tmp_path: Path) -> None:
    program = chain("prelu", "zero")
    whole = replace(program, uint8=bake.quantize(program, PICTURES))
    save(whole, tmp_path / "program.safetensors")
    photo = smooth(8)
    np.testing.assert_array_equal(
        reference.run(load(tmp_path / "program.safetensors"), photo), reference.run(whole, photo)
    )


def test_refusals() -> None:
    with pytest.raises(ValueError, match="cannot be quantized: that takes a float program of luma"):
        bake.quantize(chain("relu", "zero").color, PICTURES)
    fixed = integer_program(2, 3, 2).uint8
    assert fixed is not None
    with pytest.raises(ValueError, match="cannot be quantized"):
        bake.quantize(fixed, PICTURES)
    with pytest.raises(ValueError, match="cannot be quantized: .* two layers"):
        bake.quantize(float_program("maximum", 2, 3, 2), PICTURES)
    with pytest.raises(ValueError, match="at least one picture"):
        bake.quantize(chain("relu", "zero"), [])
    with pytest.raises(ValueError, match=r"pictures must be uint8, \(H, W\) or \(H, W, 3\), got float32 \(9, 9\)"):
        bake.quantize(chain("relu", "zero"), [picture(9, 9, False, np.float32)])
