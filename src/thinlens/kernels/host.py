"""The processor at hand, as a Halide target string, without Halide: as LLVM sees it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from llvmlite import binding

from ..pipelines.processor import CACHE, Processor

SYSTEMS = {"linux": "linux", "darwin": "osx", "win32": "windows"}
MACHINES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm-64", "arm64": "arm-64"}
SKYLAKE = ("avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq")
CANNONLAKE = (*SKYLAKE, "avx512ifma", "avx512vbmi")
ZEN4 = (*CANNONLAKE, "avx512bf16", "avx512vnni", "avx512bitalg", "avx512vbmi2", "avx512vpopcntdq")
FEATURES: dict[str, dict[str, tuple[str, ...]]] = {
    "x86-64": {
        "sse41": ("sse4.1",),
        "avx": ("avx",),
        "f16c": ("f16c",),
        "fma": ("fma",),
        "avx2": ("avx2",),
        "avxvnni": ("avxvnni",),
        "avx512": ("avx512f", "avx512cd"),
        "avx512_skylake": SKYLAKE,
        "avx512_cannonlake": CANNONLAKE,
        "avx512_zen4": ZEN4,
        "avx512_sapphirerapids": (*ZEN4, "avxvnni", "avx512fp16"),
    },
    "arm-64": {"arm_dot_prod": ("dotprod",)},
}
"""Halide's features, by machine, and those of LLVM that each of them takes for granted."""


def processor_of(name: str | None = None) -> Processor:
    """A processor by its Halide target string; None is the one that THINLENS_TARGET names, else the one at hand.

    Raises ValueError if it is none; what features THINLENS_TARGET names is looked at when something is built for it.
    """
    if name is not None:
        processor = Processor(name)
        _ = processor.system, processor.target
        return processor
    name = os.environ.get("THINLENS_TARGET")
    if not name:
        return _host()
    processor = Processor(name, _host().cache)
    _ = processor.system
    return processor


def check_here(processor: Processor) -> None:
    """Raise ValueError unless it has the machine and system of the processor at hand, and no features but its own."""
    if processor.system != _host().system:
        raise ValueError(f"a kernel for {processor.system} does not run here, on {_host().system}")
    here = set(_host().name.split("-"))
    if "avx512_sapphirerapids" in here:
        here.add("avx512_zen4")
    known = FEATURES.get(processor.system.rpartition("-")[0], {})
    if lacking := [name for name in processor.name.split("-") if name in known and name not in here]:
        raise ValueError(f"a kernel for {processor.name} does not run here: this processor has no {', '.join(lacking)}")


def target_string(system: str, machine: str, features: Mapping[str, bool]) -> str:
    """The target of `sys.platform`, `platform.machine()` and LLVM's features, as Halide writes it, or "" if unknown."""
    machine = MACHINES.get(machine.lower(), "")
    if system not in SYSTEMS or not machine:
        return ""
    if (system, machine) == ("darwin", "arm-64"):
        features = {"dotprod": True}  # of every Apple M; not every LLVM says so
    found = {name for name, needed in FEATURES[machine].items() if all(features.get(each) for each in needed)}
    if "avx512_sapphirerapids" in found:
        found.discard("avx512_zen4")
    return "-".join([machine, SYSTEMS[system], *sorted(found)])


@cache
def _host() -> Processor:
    name = target_string(sys.platform, platform.machine(), binding.get_host_cpu_features())
    if not name:
        from ..pipelines.build import host_target

        name = host_target()
    return Processor(name, _second_level_cache() or CACHE)


def _second_level_cache() -> int:
    """Bytes of second-level cache for each core, 0 if the system does not say."""
    if sys.platform == "darwin":
        shared = _sysctl(b"hw.perflevel0.l2cachesize") // (_sysctl(b"hw.perflevel0.cpusperl2") or 1)
        return shared or _sysctl(b"hw.l2cachesize")
    return linux_cache(Path("/sys/devices/system/cpu/cpu0"))


def _sysctl(name: bytes) -> int:
    value, length = ctypes.c_uint64(0), ctypes.c_size_t(8)
    failed = ctypes.CDLL(None).sysctlbyname(name, ctypes.byref(value), ctypes.byref(length), None, ctypes.c_size_t(0))
    return 0 if failed else value.value


def linux_cache(processor: Path) -> int:
    """The same, of what Linux says of a processor in a folder of /sys."""
    try:
        siblings = _count((processor / "topology" / "thread_siblings_list").read_text())
        for index in sorted((processor / "cache").glob("index*")):
            if (index / "level").read_text().strip() == "2":
                size = int((index / "size").read_text().strip().removesuffix("K")) * 1024
                sharing = _count((index / "shared_cpu_list").read_text())
                return size * siblings // max(sharing, siblings)
    except (OSError, ValueError):
        pass
    return 0


def _count(processors: str) -> int:
    """How many processors a list as "0-3,8" has."""
    ranges = [part.split("-") for part in processors.strip().split(",")]
    return sum(int(each[-1]) - int(each[0]) + 1 for each in ranges)
