"""Pipelines for ARM on a machine that is none: objects, linked by Debian's cross compiler, run under QEMU."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import halide as hl
import numpy as np
from numpy.typing import NDArray

from thinlens.kernels import check_picture
from thinlens.pipelines import FUNCTION
from thinlens.pipelines.build import compile_object, compile_runtime
from thinlens.pipelines.picture import Picture
from thinlens.pipelines.processor import Processor
from thinlens.program import Program

COMPILER, OBJCOPY = "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy"
QEMU = next((name for name in ("qemu-aarch64-static", "qemu-aarch64") if shutil.which(name)), "qemu-aarch64")
MISSING = [tool for tool in (COMPILER, OBJCOPY, QEMU) if not shutil.which(tool)]
REASON = (
    f"{' and '.join(MISSING)} missing: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
)
INCLUDE = Path(hl.__file__).parent / "include"
TARGETS = {"cortex-a72": "arm-64-linux", "cortex-a76": "arm-64-linux-arm_dot_prod"}
"""The processors that QEMU plays, and the Halide targets for them: without a dot product and with one."""


@dataclass(frozen=True)
class Emulated:
    """A program as something callable, like `Compiled`: from a picture to the enlarged one, by an emulated processor.

    `kernels` is which kernel of the executable takes which kind of picture.
    """

    program: Program
    executable: Path
    processor: str
    kernels: dict[Picture, int]

    def __call__(self, source: NDArray[Any]) -> NDArray[Any]:
        """Enlarge one picture, `(H, W)` or `(H, W, 3)`."""
        scale = self.program.scale
        height, width, *channels = source.shape
        kernel, elements = self.kernels[Picture(source.dtype, check_picture(source))], width * (3 if channels else 1)
        head = (
            kernel,
            source.itemsize * 8,
            source.dtype.kind == "f",
            elements,
            height,
            elements * scale,
            height * scale,
        )
        command = [QEMU, "-cpu", self.processor, str(self.executable)]
        result = _run(command, np.array(head, np.int32).tobytes() + source.tobytes())
        return np.frombuffer(result, source.dtype).reshape(height * scale, width * scale, *channels)


def emulate(processor: str, wanted: Sequence[tuple[Program, Sequence[Picture]]], folder: Path) -> list[Emulated]:
    """Programs, each for some kinds of pictures, in one executable for a processor of `TARGETS`."""
    target, objects = Processor(TARGETS[processor]), [folder / "runtime.o"]
    objects[0].write_bytes(compile_runtime("arm-64-linux"))
    kinds = [(program, picture) for program, pictures in wanted for picture in pictures]
    for index, (program, picture) in enumerate(kinds):
        objects.append(folder / f"{index}.o")
        objects[-1].write_bytes(compile_object(program, picture, target))
        rename = (f"--redefine-sym={FUNCTION}=kernel_{index}", f"--keep-global-symbol=kernel_{index}")
        _run([OBJCOPY, *rename, str(objects[-1])])
    names = [f"kernel_{index}" for index in range(len(kinds))]
    lines = ['#include "HalideRuntime.h"', "typedef int Kernel(halide_buffer_t *, int32_t, halide_buffer_t *);"]
    lines += [f"extern Kernel {', '.join(names)};", f"Kernel *const kernels[] = {{{', '.join(names)}}};"]
    table = "\n".join(lines) + "\n"
    (folder / "table.c").write_text(table, encoding="utf-8")
    sources = [Path(__file__).with_name("harness.c"), folder / "table.c"]
    executable = folder / "run"
    command = [COMPILER, "-O1", "-static", f"-I{INCLUDE}", *map(str, sources + objects), "-lm", "-o", str(executable)]
    _run([*command, "-lpthread", "-ldl"])
    numbered, result = iter(range(len(kinds))), list[Emulated]()
    for program, pictures in wanted:
        result.append(Emulated(program, executable, processor, {picture: next(numbered) for picture in pictures}))
    return result


def _run(command: Sequence[str], given: bytes = b"") -> bytes:
    """What a command writes to standard output."""
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr.decode(errors='replace')}"
    return done.stdout
