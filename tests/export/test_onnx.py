"""ONNX models, run by ONNX Runtime, against the NumPy reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equivalence.tolerances import FLOAT
from programs import convolution, deep_program, float_program, integer_program, picture, quantized_program
from thinlens.program import (
    Activation,
    Convolution,
    FakeQuantize,
    PixelShuffle,
    Program,
    ReduceMax,
    ShiftAndSum,
    SoftmaxSum,
    reference,
)
from thinlens.program.ops import OPERATIONS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from thinlens.export import onnx_model as export  # noqa: E402

PROGRAMS = [
    float_program("maximum", 2, 3, 2, padding="edge"),
    float_program("none", 3, 5, 1),
    float_program("key", 4, 3, 3, bias=True),
    float_program("query*key", 2, 7, 4),
    deep_program("relu", 2, 3),
    deep_program("prelu", 3, 4),
    deep_program("prelu", 2, 4, "edge"),
    deep_program("tanh", 2, 5),
    deep_program("sigmoid", 4, 2, "edge"),
    deep_program("softplus", 2, 3),
    quantized_program(2, 5),
    quantized_program(3, 4, "edge"),
    quantized_program(2, 4, "edge", zeros=True),
    Program("key*key", (convolution(0, 24, 1, 5, bias=True), PixelShuffle(1, 2), SoftmaxSum(2, "key*key"))),
    Program("two layers", (convolution(0, 3, 1, 3), convolution(1, 8, 3, 5), PixelShuffle(2, 2), ReduceMax(3))),
]


REFLECTING = [
    Program("one map", (convolution(0, 4, 1, 3, "reflect", bias=True), ShiftAndSum(1, 2, 1))),
    Program("nine maps", (convolution(0, 36, 1, 5, "reflect"), ShiftAndSum(1, 2, 9, 2))),
    Program("four turns", (convolution(0, 9 * 4 * 9, 1, 3, "reflect"), ShiftAndSum(1, 3, 9, 1, 4))),
]


@pytest.mark.parametrize("program", REFLECTING, ids=lambda program: program.name)
def test_onnx_reflects_at_edges(program: Program) -> None:
    session = onnxruntime.InferenceSession(export.model(program).SerializeToString())
    for size in ((3, 4), (13, 22)):
        source = picture(*size, False, np.float32)
        (result,) = session.run(None, {"picture": source[None, None]})
        wanted = reference.run(program, source)
        assert np.abs(result[0, 0] - wanted).max() <= FLOAT * max(1, np.abs(wanted).max())


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


def test_every_operation_has_an_onnx_form_or_is_left_out() -> None:
    names = sorted(op.__name__ for op in (*export.NODES, *export.LEFT_OUT))
    assert names == sorted(op.__name__ for op in OPERATIONS)


def test_an_operation_without_onnx_form_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = float_program("maximum", 2, 3, 2)
    assert export.supports(program) is None and export.supports(program.color) is None
    monkeypatch.delitem(export.NODES, ReduceMax)
    assert export.supports(program) == "ReduceMax has no ONNX form"
    with pytest.raises(ValueError, match="^ReduceMax has no ONNX form$"):
        export.write(program, tmp_path / "maximum.onnx")
    assert not list(tmp_path.iterdir())


def test_one_slope_for_all_channels_is_a_leaky_relu() -> None:
    layer = convolution(0, 4, 1, 3)
    program = Program("x", (layer, Activation(1, "prelu", np.full(4, -0.3, np.float32)), PixelShuffle(2, 2)))
    made, low = export.model(program), picture(9, 8, False, np.float32) - np.float32(0.5)
    assert [node.op_type for node in made.graph.node][1] == "LeakyRelu"
    (result,) = onnxruntime.InferenceSession(made.SerializeToString()).run(None, {"picture": low[None, None]})
    wanted = reference.run(program, low)
    assert np.abs(result[0, 0] - wanted).max() <= FLOAT


def test_quantized_layers_are_written_in_int8() -> None:
    """Other engines find the weights as they are stored, and how the values that they are applied to are quantized."""
    program = quantized_program(2, 5)
    graph = export.model(program).graph
    weights = [onnx.numpy_helper.to_array(constant) for constant in graph.initializer]
    stored = [op.weight for op in program.ops if isinstance(op, Convolution)]
    for weight in stored:
        assert any(other.dtype == np.int8 and np.array_equal(other, weight) for other in weights)
    names = [node.op_type for node in graph.node]
    assert (names.count("QuantizeLinear"), names.count("DequantizeLinear")) == (2, 4)
    producers = {node.output[0]: node.op_type for node in graph.node}
    for node in graph.node:
        if node.op_type == "Conv":
            assert [producers.get(name) for name in node.input[:2]] == ["DequantizeLinear"] * 2


def test_quantized_values_of_any_scale_differ_by_a_tie_at_most() -> None:
    """The reference multiplies by 1 / scale, ONNX divides: a value in the middle may be rounded to either side.

    Without graph optimizations: with them ONNX Runtime computes in int8, and rounds the bias of a layer on the way.
    """
    program = quantized_program(2, 5)
    ops = [replace(op, scale=0.0123) if isinstance(op, FakeQuantize) else op for op in program.ops]
    program = replace(program, ops=tuple(ops))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(export.model(program).SerializeToString(), options)
    quick = onnxruntime.InferenceSession(export.model(program).SerializeToString())
    low = picture(60, 70, False, np.float32)
    wanted = reference.run(program, low)
    for session, share, most in ((plain, 0.001, 0.02), (quick, 0.2, 0.02)):
        (result,) = session.run(None, {"picture": low[None, None]})
        difference = np.abs(result[0, 0] - wanted)
        assert (difference > FLOAT).mean() < share and difference.max() < most
