"""The processor that a pipeline is made for, and here alone: which form of products it gets, and why.

What multiplies 8-bit values quickest differs: a sum of four products of bytes in one instruction (vpdpbusd of AVX-512
VNNI, sdot of ARM), a sum of two products of 16 bits (pmaddwd, since SSE2), or a product of 16 bits that is added to a
sum of 32 (smlal of NEON). So quantized values and weights lie side by side in fours, in pairs or singly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import halide as hl
import numpy as np

CACHE = 512 * 1024
"""Bytes of second-level cache for each core, where nothing else is known: those of Zen 2, Zen 3 and Cortex-A76."""


@dataclass(frozen=True)
class Packing:
    """How the channels of quantized feature maps lie: `size` of them side by side, as `dtype`, less `offset`."""

    size: int
    dtype: np.dtype[Any]
    weight_dtype: np.dtype[Any]
    offset: int = 0

    @property
    def type(self) -> hl.Type:
        """The type of a quantized value."""
        return {"uint8": hl.UInt(8), "int8": hl.Int(8), "int16": hl.Int(16)}[self.dtype.name]


QUADS = Packing(4, np.dtype(np.uint8), np.dtype(np.int8))
SIGNED_QUADS = Packing(4, np.dtype(np.int8), np.dtype(np.int8), offset=128)
PAIRS = Packing(2, np.dtype(np.int16), np.dtype(np.int16))
SINGLES = Packing(1, np.dtype(np.int16), np.dtype(np.int16))


@dataclass(frozen=True)
class Processor:
    """A processor by its Halide target string, and the bytes of second-level cache that each of its cores has."""

    name: str
    cache: int = CACHE

    @cached_property
    def target(self) -> hl.Target:
        """The target. Raises ValueError if the name is none."""
        try:
            return hl.Target(self.name)
        except hl.HalideError:
            raise ValueError(
                f"{self.name!r} is not a Halide target, as x86-64-linux-avx2-fma or arm-64-linux"
            ) from None

    @cached_property
    def lanes(self) -> int:
        """Values of 32 bits in a vector."""
        return self.target.natural_vector_size(hl.Float(32))

    @cached_property
    def registers(self) -> int:
        """Vector registers."""
        return 32 if self.lanes == 16 or self.target.arch == hl.TargetArch.ARM else 16

    @cached_property
    def packing(self) -> Packing:
        """How quantized values lie for the products of this processor."""
        has = self.target.has_feature
        if self.target.arch == hl.TargetArch.ARM:
            return SIGNED_QUADS if has(hl.TargetFeature.ARMDotProd) else SINGLES
        vnni = (hl.TargetFeature.AVX512_SapphireRapids, hl.TargetFeature.AVX512_Zen4, hl.TargetFeature.AVX512_Zen5)
        return QUADS if any(map(has, vnni)) else PAIRS
