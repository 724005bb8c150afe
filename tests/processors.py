"""The classes of x86 processors that pipelines are made for, as Halide target strings, and which of them run here."""

from __future__ import annotations

import platform
import sys

from thinlens.kernels.host import check_here, processor_of

CLASSES = {
    "SSE2": "",
    "SSE4.1": "-sse41",
    "AVX2": "-sse41-avx-avx2-f16c-fma",
    "AVX-VNNI": "-sse41-avx-avx2-f16c-fma-avxvnni",
    "AVX-512": "-sse41-avx-avx2-f16c-fma-avx512-avx512_skylake",
    "AVX-512 VNNI": "-sse41-avx-avx2-f16c-fma-avx512-avx512_skylake-avx512_cannonlake-avx512_zen4",
}
X86 = {name: f"x86-64-linux{features}" for name, features in CLASSES.items()}


def _runs_here(target: str) -> bool:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return False
    try:
        check_here(processor_of(target))
    except ValueError:
        return False
    return True


HERE = {name: target for name, target in X86.items() if _runs_here(target)}
"""Those that this processor has all instructions of; none on other kinds of processors."""
