"""Small programs with random weights, and pictures, for the tests of pipelines and exporters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thinlens.program import (
    Activation,
    Add,
    Convolution,
    FakeQuantize,
    Function,
    Operation,
    Padding,
    PixelShuffle,
    Program,
    ReduceMax,
    RoundingShiftRight,
    SoftmaxSum,
)

Choice = Literal["none", "maximum", "key", "query*key"]
GROUPS = {"none": 1, "maximum": 1, "key": 2, "query*key": 3}
LAST: dict[str, tuple[Operation, ...]] = {
    "none": (),
    "maximum": (ReduceMax(2),),
    "key": (SoftmaxSum(2, "key"),),
    "query*key": (SoftmaxSum(2, "query*key"),),
}


def convolution(
    source: int, outputs: int, inputs: int, kernel: int, padding: Padding = "zero", bias: bool = False, seed: int = 0
) -> Convolution:
    """Xavier-like float weights with every center tap 1, as before training."""
    random = np.random.default_rng(seed)
    spread = (2 / (kernel**2 * (inputs + outputs))) ** 0.5
    weight = random.normal(0, spread, (outputs, inputs, kernel, kernel)).astype(np.float32)
    weight[:, :, kernel // 2, kernel // 2] = 1
    offset = random.normal(0, 0.02, outputs).astype(np.float32) if bias else None
    return Convolution(source, weight, offset, padding)


def float_program(
    choice: Choice, scale: int, kernel: int, channels: int, padding: Padding = "zero", bias: bool = False, seed: int = 0
) -> Program:
    """One layer: convolution, pixel shuffle, a choice among the channels."""
    layer = convolution(0, GROUPS[choice] * channels * scale**2, 1, kernel, padding, bias, seed)
    return Program(f"{choice}_s{scale}_K{kernel}_C{channels}", (layer, PixelShuffle(1, scale), *LAST[choice]))


def integer_program(
    scale: int, kernel: int, channels: int, bits: int = 6, padding: Padding = "zero", bias: bool = False, seed: int = 0
) -> Program:
    """A maximum with an integer program attached; up to 6 fraction bits its weights fit a byte."""
    layer = convolution(0, channels * scale**2, 1, kernel, padding, seed=seed)
    limit = 127 if bits <= 6 else 32_639
    weight = np.clip(np.rint(layer.weight * np.float32(2**bits)), -limit, limit).astype(np.int16)
    offset = np.random.default_rng(seed).integers(-400, 400, len(weight)) << bits if bias else None
    fixed = Convolution(0, weight, None if offset is None else offset.astype(np.int32), padding)
    name = f"maximum_s{scale}_K{kernel}_C{channels}"
    last = (PixelShuffle(1, scale), ReduceMax(2))
    return Program(name, (layer, *last), Program(name, (fixed, *last, RoundingShiftRight(3, bits))))


def deep_program(function: Function, scale: int, channels: int, padding: Padding = "zero", seed: int = 0) -> Program:
    """Two layers with an activation between and the picture added, as ECBSR has them; a border value for zeros."""
    random = np.random.default_rng(seed)
    slope = random.uniform(-0.5, 0.5, channels).astype(np.float32) if function == "prelu" else None
    first = convolution(0, channels, 1, 5, padding, True, seed)
    last = convolution(2, scale**2, channels, 3, padding, False, seed + 1)
    if padding == "zero":
        last = replace(last, pad_value=first.bias)
    ops = (first, Activation(1, function, slope), last, Add(3, 0), PixelShuffle(4, scale))
    return Program(f"{function}_s{scale}_C{channels}_{padding}", ops)


def quantized_program(
    scale: int, channels: int, padding: Padding = "zero", seed: int = 0, zeros: bool = False
) -> Program:
    """The same with weights of a byte on 256 levels; the steps are powers of two, so that every sum is exact.

    With `zeros` each channel of the map between has its own level of 0.
    """
    random = np.random.default_rng(seed)
    layers = [
        Convolution(
            source,
            random.integers(-30, 31, (outputs, inputs, 3, 3), dtype=np.int8),
            np.rint(random.normal(0, 99, outputs)).astype(np.float32) / np.float32(1024),
            padding,
            weight_scale=np.exp2(random.integers(-8, -5, outputs)).astype(np.float32),
        )
        for source, outputs, inputs in ((1, channels, 1), (4, scale**2, channels))
    ]
    zero = 2 * random.integers(0, 20, channels, dtype=np.uint8) if zeros else 2
    ops = (
        *(FakeQuantize(0, 1 / 256, 0), layers[0], Activation(2, "relu"), FakeQuantize(3, 1 / 64, zero), layers[1]),
        *(Add(5, 0), PixelShuffle(6, scale)),
    )
    return Program(f"bytes_s{scale}_C{channels}_{padding}", ops)


def picture(height: int, width: int, color: bool, dtype: Any, seed: int = 0) -> NDArray[Any]:
    """Noise over the full range, with a patch of black and one of white."""
    noise = np.random.default_rng(seed).random((height, width, 3) if color else (height, width), np.float32)
    noise[: height // 3, : width // 3] = 0
    noise[: height // 3, width // 3 : width // 2] = 1
    return noise if dtype == np.float32 else np.rint(noise * np.iinfo(dtype).max).astype(dtype)
