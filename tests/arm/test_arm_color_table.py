"""Look-ups in color tables on ARM, under QEMU: as on x86, byte for byte in fixed point, and near the reference."""

from __future__ import annotations

import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arm.emulation import COMPILER, INCLUDE, MISSING, QEMU, REASON
from equivalence.tolerances import FLOAT, LEVELS
from pipelines.test_color_table import wanted
from programs import picture
from tables import random_table
from thinlens.kernels import TableLookUp
from thinlens.pipelines.build import compile_look_up, compile_runtime
from thinlens.pipelines.color_table import packing
from thinlens.pipelines.color_table.kind import LookUp
from thinlens.pipelines.processor import Processor
from thinlens.program import Interpolation

pytestmark = pytest.mark.skipif(bool(MISSING), reason=REASON)
INTERPOLATIONS: tuple[Interpolation, ...] = ("trilinear", "tetrahedral")


def emulated(kind: LookUp, table: NDArray[np.float32], source: NDArray[Any], folder: Path) -> NDArray[Any]:
    """What a kernel for ARM makes of a picture."""
    (folder / "kernel.o").write_bytes(compile_look_up(kind, Processor("arm-64-linux")))
    (folder / "runtime.o").write_bytes(compile_runtime("arm-64-linux"))
    names = {"FIXED_POINT": kind.integer, "BITS": source.itemsize * 8, "IS_FLOAT": source.dtype.kind == "f"}
    defined = [f"-D{name}={int(value)}" for name, value in names.items()]
    files = [str(Path(__file__).with_name("look_up.c")), str(folder / "kernel.o"), str(folder / "runtime.o")]
    command = [COMPILER, "-O1", "-static", f"-I{INCLUDE}", *defined, *files, "-lm", "-lpthread", "-ldl"]
    subprocess.run([*command, "-o", str(folder / "run")], check=True, capture_output=True)
    size, (height, width, _) = len(table), source.shape
    head = np.array([width * 3, height, size, packing.step(size - 1)], np.int32)
    given = [head, source, packing.fixed_point(table) if kind.integer else packing.float32(table)]
    if not kind.integer:
        given.append(np.array([[size - 1] * 3, [0] * 3], np.float32))
    content = b"".join(array.tobytes() for array in given)
    done = subprocess.run([QEMU, "-cpu", "cortex-a72", str(folder / "run")], input=content, capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return np.frombuffer(done.stdout, source.dtype).reshape(source.shape)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(
    ("dtype", "integer"), [(np.uint8, True), (np.uint8, False), (np.uint16, False), (np.float32, False)]
)
def test_equals_the_reference(dtype: Any, integer: bool, interpolation: Interpolation, tmp_path: Path) -> None:
    table, source = random_table(9), picture(11, 150, True, dtype)
    found = emulated(LookUp(np.dtype(dtype), interpolation, integer), table, source, tmp_path)
    apart = np.abs(found.astype(np.float64) - wanted(source, table, interpolation)).max()
    assert apart <= (FLOAT if dtype == np.float32 else LEVELS)
    if integer:
        np.testing.assert_array_equal(found, TableLookUp(table, interpolation)(source))


def test_narrow_pictures(tmp_path: Path) -> None:
    table = random_table(3)
    for height, width in product((1, 3), (1, 2, 65)):
        source = picture(height, width, True, np.uint8)
        found = emulated(LookUp(source.dtype, "trilinear", True), table, source, tmp_path)
        np.testing.assert_array_equal(found, TableLookUp(table)(source))
