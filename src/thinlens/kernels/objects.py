"""Objects of kernels: from the cache if they are there, else built by Halide, which is imported only then."""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .. import pipelines
from ..files import write_whole
from ..pipelines.color_table.kind import LookUp
from ..pipelines.processor import Processor
from ..program import Program, dump
from . import cache as disk
from . import disguise

RUNTIMES = Path(__file__).parent / "runtimes"
"""The runtimes of one version of Halide as it makes them, compressed; tests compare each with a new one."""
SYSTEMS = tuple(f"{machine}-{system}" for machine in ("x86-64", "arm-64") for system in ("linux", "osx", "windows"))
"""Those that have one."""


def kernel(
    program: Program, dtype: np.dtype[Any], channels: int, processor: Processor, bits: int | None = None
) -> bytes:
    """The object of a program for pictures of a dtype and 1 or 3 channels, or for feature maps; see `Picture`."""
    chosen = program.for_picture(dtype, channels)
    kind = str(dtype) if bits is None else f"{dtype} of {bits} bits"
    key = _key("kernel", digest(chosen), kind, str(channels), processor.name, str(processor.cache), _sources())
    made = disk.read(key)
    if made is None:
        made = build(program, dtype, channels, processor, bits)
        disk.write(key, made)
    return made


def build(
    program: Program, dtype: np.dtype[Any], channels: int, processor: Processor, bits: int | None = None
) -> bytes:
    """The object, made anew by Halide, and by LLVM where Halide cannot write for the processor."""
    from ..pipelines.build import compile_object, disguised_assembly
    from ..pipelines.picture import Picture

    picture = Picture(dtype, channels, bits)
    written = disguised_assembly(program, picture, processor)
    if written is None:
        return compile_object(program, picture, processor)
    return disguise.machine_code(written)


def look_up(kind: LookUp, processor: Processor) -> bytes:
    """The object of a look-up in color tables."""
    key = _key("look-up", str(kind), processor.name, _sources())
    made = disk.read(key)
    if made is None:
        from ..pipelines.build import compile_look_up

        made = compile_look_up(kind, processor)
        disk.write(key, made)
    return made


def assembly(program: Program, dtype: np.dtype[Any], channels: int, processor: Processor) -> str:
    """What `build` makes, as assembly."""
    from ..pipelines import build as builder
    from ..pipelines.picture import Picture

    picture = Picture(dtype, channels)
    written = builder.disguised_assembly(program, picture, processor)
    return builder.assembly(program, picture, processor) if written is None else disguise.assembly(written)


@cache
def runtime(system: str) -> bytes:
    """The object of the runtime that kernels for a system call, as x86-64-linux; it stays for children after a fork.

    Building it takes a second, so for the version of Halide that `RUNTIMES` are of it is there.
    """
    ready = shipped(system)
    if ready.is_file():
        return zlib.decompress(ready.read_bytes())
    key = _key("runtime", system)
    made = disk.read(key)
    if made is None:
        from ..pipelines.build import compile_runtime

        made = compile_runtime(system)
        disk.write(key, made)
    return made


def shipped(system: str) -> Path:
    """The file in this package with the runtime that the installed Halide makes for a system, if it has one."""
    return RUNTIMES / f"{system}-{_version('halide')}.o.zlib"


def write_runtimes() -> None:
    """Make the files of `RUNTIMES` anew, with the installed Halide, after a change of its version (`just runtimes`)."""
    from ..pipelines.build import compile_runtime

    for old in RUNTIMES.glob("*.o.zlib"):
        old.unlink()
    for system in SYSTEMS:
        write_whole(zlib.compress(compile_runtime(system), 9), shipped(system))


def digest(program: Program) -> str:
    """SHA-256 of operations and weights."""
    result = hashlib.sha256(dump(program).encode())
    part: Program | None = program
    while part is not None:
        for op in part.ops:
            for value in op.values().values():
                if isinstance(value, np.ndarray):
                    result.update(value.tobytes())
        part = part.uint8
    return result.hexdigest()


def _key(*parts: str) -> str:
    versions = [f"{name} {_version(name)}" for name in ("thinlens", "halide")]
    return hashlib.sha256("\n".join([*versions, *parts]).encode()).hexdigest()


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


@cache
def _sources() -> str:
    """SHA-256 of the code that makes pipelines, so that nobody who changes it runs what it made before."""
    folder = Path(pipelines.__file__).parents[1]
    result = hashlib.sha256()
    for package in ("pipelines", "program"):
        for path in sorted((folder / package).rglob("*.py")):
            result.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return result.hexdigest()
