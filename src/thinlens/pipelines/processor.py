"""The processor that a pipeline is made for, and here alone: which form of products it gets, and why.

What multiplies 8-bit values quickest differs: a sum of four products of bytes in one instruction (vpdpbusd of AVX-512
VNNI and of AVX-VNNI, sdot of ARM), a sum of two products of 16 bits (pmaddwd, since SSE2), or products of two bytes,
added to sums of 32 bits in pairs (smull and sadalp of NEON). So quantized values and weights lie side by side in fours
or in pairs. Products in a cycle, `best` in its inner loops: Zen 3 20 in pairs of 16 bits, 16 in float; Cortex-A72 6 in
pairs of bytes, 4 in fours, in 16 bits or in float; estimates of llvm-mca (benchmarks/results/estimate.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..once import cached_property

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
SIGNED_PAIRS = Packing(2, np.dtype(np.int8), np.dtype(np.int8), "int8 in pairs of 8 bits (smull, sadalp)", offset=128)
AVX512_VNNI = {"avx512_sapphirerapids", "avx512_zen4", "avx512_zen5"}
AVX512 = "avx512-avx512_skylake-avx512_cannonlake-avx512_sapphirerapids"


@dataclass(frozen=True)
class Processor:
    """A processor by its Halide target string, the bytes of second-level cache that each of its cores has, and the most
    values of 32 bits that a vector may have."""

    name: str
    cache: int = CACHE
    widest: int = 16

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

        return min(self.target.natural_vector_size(hl.Float(32)), self.widest)

    @cached_property
    def registers(self) -> int:
        """Vector registers."""
        return 32 if self.lanes == 16 or self._arm else 16

    @cached_property
    def packing(self) -> Packing:
        """How quantized values lie for the products of this processor."""
        if self._arm:
            return SIGNED_QUADS if "arm_dot_prod" in self._features else SIGNED_PAIRS
        return QUADS if self._features & AVX512_VNNI or self.disguise else PAIRS

    @property
    def room(self) -> int:
        """Bytes of the second-level cache for the lines of feature maps: three quarters of it."""
        return self.cache * 3 // 4

    @property
    def disguise(self) -> Processor | None:
        """The processor that Halide is to write sums of four products for, if it cannot for this one.

        It knows vpdpbusd of AVX-512 only. In vectors of 256 bits that is the same operation to LLVM as vpdpbusd of
        AVX-VNNI (Intel Core since the 12th generation), so code is written for one and assembled for the other.
        """
        if "avxvnni" not in self._features or any(feature.startswith("avx512") for feature in self._features):
            return None
        return Processor(f"{self.name}-{AVX512}", self.cache, widest=8)

    @property
    def _features(self) -> set[str]:
        return set(self.name.split("-"))

    @property
    def _arm(self) -> bool:
        return self.name.startswith("arm-")
