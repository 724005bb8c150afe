"""Color tables and adaptive programs for tests: random, from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinlens.program import (
    Activation,
    ColorStatistics,
    ColorTable,
    Convolution,
    InstanceNorm,
    MixTables,
    Program,
    StridedConvolution,
    Thumbnail,
)
from thinlens.program.color_ops import FEATURES


def identity_table(size: int) -> NDArray[np.float32]:
    """The table that leaves colors as they are."""
    steps = np.linspace(0, 1, size, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)


def random_table(size: int, spread: float = 0.3, seed: int = 0) -> NDArray[np.float32]:
    """The identity and noise, which also leaves [0, 1]."""
    noise = np.random.default_rng(seed).normal(0, spread, (size, size, size, 3))
    return identity_table(size) + noise.astype(np.float32)


def statistics_program(size: int = 5, interpolation: Any = "trilinear", seed: int = 0) -> Program:
    """Statistics of a thumbnail, a dense layer, three tables mixed."""
    random = np.random.default_rng(seed)
    weight = random.normal(0, 0.05, (3, FEATURES, 1, 1)).astype(np.float32)
    tables = np.stack([identity_table(size), *(random_table(size, seed=n) - identity_table(size) for n in (1, 2))])
    ops = (
        Thumbnail(0, 16),
        ColorStatistics(1),
        Convolution(2, weight, np.array([1, 0.1, 0.1], np.float32)),
        MixTables(3, tables),
        ColorTable(0, 4, interpolation),
    )
    return Program("statistics", ops)


def network_program(size: int = 4, seed: int = 0) -> Program:
    """The form of the published predictor, smaller: strided layers, activations, instance norm."""
    random = np.random.default_rng(seed)

    def layer(source: int, outputs: int, inputs: int, kernel: int, stride: int, padding: int) -> StridedConvolution:
        weight = random.normal(0, (2 / (inputs * kernel**2)) ** 0.5, (outputs, inputs, kernel, kernel))
        bias = random.normal(0, 0.1, outputs).astype(np.float32)
        return StridedConvolution(source, weight.astype(np.float32), bias, stride, padding)

    slope = np.full(4, 0.2, np.float32)
    norm = InstanceNorm(3, random.random(4, np.float32), random.random(4, np.float32), 1e-5)
    tables = np.stack([identity_table(size), random_table(size, seed=1) - identity_table(size)])
    ops = (
        Thumbnail(0, 32),
        layer(1, 4, 3, 3, 2, 1),
        Activation(2, "prelu", slope),
        norm,
        layer(4, 6, 4, 3, 2, 1),
        layer(5, 2, 6, 8, 1, 0),
        MixTables(6, tables),
        ColorTable(0, 7, "trilinear", 1.0001),
    )
    return Program("network", ops)
