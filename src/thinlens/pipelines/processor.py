"""The processor that a pipeline is made for, and here alone: which form of products it gets, and why.

What multiplies 8-bit values quickest differs: a sum of four products of bytes in one instruction (vpdpbusd of AVX-512
VNNI, sdot of ARM), a sum of two products of 16 bits (pmaddwd, since SSE2), or a product of 16 bits that is added to a
sum of 32 (smlal of NEON). So quantized values and weights lie side by side in fours, in pairs or singly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

# Halide is imported where it is used: a processor is named, as the key of what was built for it, without it.
if TYPE_CHECKING:
    import halide as hl

CACHE = 512 * 1024
"""Bytes of second-level cache for each core, where nothing else is known: those of Zen 2, Zen 3 and Cortex-A76."""


@dataclass(frozen=True)
class Packing:
    """How the channels of quantized feature maps lie: `size` of them side by side, as `dtype`, less `offset`.

    `products` says so, with the instruction that multiplies them.
    """

    size: int
    dtype: np.dtype[Any]
    weight_dtype: np.dtype[Any]
    products: str
    offset: int = 0

    @property
    def type(self) -> hl.Type:
        """The type of a quantized value."""
        import halide as hl

        return {"uint8": hl.UInt(8), "int8": hl.Int(8), "int16": hl.Int(16)}[self.dtype.name]


QUADS = Packing(4, np.dtype(np.uint8), np.dtype(np.int8), "int8 in fours of 8 bits (vpdpbusd)")
SIGNED_QUADS = Packing(4, np.dtype(np.int8), np.dtype(np.int8), "int8 in fours of 8 bits (sdot)", offset=128)
PAIRS = Packing(2, np.dtype(np.int16), np.dtype(np.int16), "int8 in pairs of 16 bits (pmaddwd)")
SINGLES = Packing(1, np.dtype(np.int16), np.dtype(np.int16), "int8 singly, in 16 bits (smlal)")


@dataclass(frozen=True)
class Processor:
    """A processor by its Halide target string, and the bytes of second-level cache that each of its cores has."""

    name: str
    cache: int = CACHE

    @property
    def system(self) -> str:
        """Machine and system without features, as in x86-64-linux; ValueError if the name has less."""
        system = re.match(r"[a-z0-9]+-(32|64)-[a-z]+", self.name)
        if system is None:
            raise ValueError(self._invalid)
        return system.group()

    def __str__(self) -> str:
        """The name, and what it does with quantized values."""
        return f"{self.name}: {self.packing.products}"

    @cached_property
    def target(self) -> hl.Target:
        """The target. Raises ValueError if the name is none."""
        import halide as hl

        try:
            return hl.Target(self.name)
        except hl.HalideError:
            raise ValueError(self._invalid) from None

    @property
    def _invalid(self) -> str:
        return f"{self.name!r} is not a Halide target, as x86-64-linux-avx2-fma or arm-64-linux"

    @cached_property
    def lanes(self) -> int:
        """Values of 32 bits in a vector."""
        import halide as hl

        return self.target.natural_vector_size(hl.Float(32))

    @cached_property
    def registers(self) -> int:
        """Vector registers."""
        return 32 if self.lanes == 16 or self._arm else 16

    @cached_property
    def packing(self) -> Packing:
        """How quantized values lie for the products of this processor."""
        features = set(self.name.split("-"))
        if self._arm:
            return SIGNED_QUADS if "arm_dot_prod" in features else SINGLES
        return QUADS if features & {"avx512_sapphirerapids", "avx512_zen4", "avx512_zen5"} else PAIRS

    @property
    def _arm(self) -> bool:
        return self.name.startswith("arm-")
