"""The classes of x86 processors that pipelines are made for, as Halide target strings, and which of them run here."""

from __future__ import annotations

import platform
import sys

import halide as hl

CLASSES = {
    "SSE2": "",
    "SSE4.1": "-sse41",
    "AVX2": "-sse41-avx-avx2-f16c-fma",
    "AVX-VNNI": "-sse41-avx-avx2-f16c-fma-avxvnni",
    "AVX-512": "-sse41-avx-avx2-f16c-fma-avx512-avx512_skylake",
    "AVX-512 VNNI": "-sse41-avx-avx2-f16c-fma-avxvnni-avx512-avx512_skylake-avx512_cannonlake-avx512_sapphirerapids",
}
X86 = {name: f"x86-64-linux{features}" for name, features in CLASSES.items()}


def _runs_here(target: str) -> bool:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return False
    return set(target.split("-")) <= set(str(hl.get_host_target()).split("-")) | {"64"}


HERE = {name: target for name, target in X86.items() if _runs_here(target)}
"""Those that this processor has all instructions of; none on other kinds of processors."""
