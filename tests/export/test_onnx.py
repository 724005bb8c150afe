"""ONNX models, run by ONNX Runtime, against the NumPy reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equivalence.tolerances import FLOAT
from programs import convolution, float_program, integer_program, picture
from thinlens.program import ChannelMaximum, PixelShuffle, Program, reference

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from thinlens.export import onnx_model as export  # noqa: E402

PROGRAMS = [
    float_program("maximum", 2, 3, 2, padding="edge"),
    float_program("none", 3, 5, 1),
    float_program("key", 4, 3, 3, bias=True),
    float_program("query*key", 2, 7, 4),
    Program("two layers", (convolution(0, 3, 1, 3), convolution(1, 8, 3, 5), PixelShuffle(2, 2), ChannelMaximum(3))),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
def test_onnx_equals_the_reference(program: Program, color: bool, tmp_path: Path) -> None:
    if color:
        program = program.color
    export.write(program, tmp_path / "program.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "program.onnx", providers=["CPUExecutionProvider"])
    for height, width in ((1, 1), (13, 22)):
        source = picture(height, width, color, np.float32)
        planes = np.ascontiguousarray(np.moveaxis(source, -1, 0)) if color else source[None]
        (result,) = session.run(None, {"picture": planes[None]})
        wanted = reference.run(program, source)
        assert np.abs(result[0] - (np.moveaxis(wanted, -1, 0) if color else wanted[None])).max() <= FLOAT


def test_integer_programs_are_refused(tmp_path: Path) -> None:
    program = integer_program(2, 3, 2)
    export.write(program, tmp_path / "float.onnx")
    assert program.uint8 is not None
    with pytest.raises(ValueError, match="computes in integers; export the float program that it was made from"):
        export.write(program.uint8, tmp_path / "integer.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["float.onnx"]
