"""Float programs as ONNX models: `picture` `(N, C, H, W)` float32 in [0, 1] to `result`, `scale` times larger.

C is 1 (luma) or 3 (RGB), as the program has it, or that of its feature maps; export `program.color` for RGB pictures of
a luma program. Layers of a
quantized program are written with QuantizeLinear and DequantizeLinear, so that an engine may compute them in int8.
Where a program reflects at its edges, engines refuse pictures that are not larger than what is reflected.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ..files import write_whole
from ..program import (
    COLOR_OPERATIONS,
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Lookup,
    Luma,
    Multiply,
    Operation,
    PixelShuffle,
    PointSample,
    Program,
    ReduceMax,
    Rescale,
    RoundingShiftRight,
    ShiftAndSum,
    Slice,
    SoftmaxSum,
    Upsample,
    missing,
)
from ..program.ops import LUMA_WEIGHTS
from ..program.reference import bicubic_taps

OPSET = 18
IR_VERSION = 9
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softplus": "Softplus"}


def supports(program: Program) -> str | None:
    """None, or why the program cannot be written."""
    if program.integer:
        return f"{program.name} computes in integers; export the float program that it was made from"
    return next((str(missing("ONNX form", op)) for op in program.ops if type(op) not in NODES), None)


def write(program: Program, path: str | os.PathLike[str]) -> None:
    """Write a program as an ONNX file, whole or not at all. Raises ValueError where `supports` gives a reason."""
    write_whole(model(program).SerializeToString(), path)


def model(program: Program, size: tuple[int, int] | None = None) -> onnx.ModelProto:
    """The program as an ONNX model, for pictures of any size or of one `(width, height)`."""
    reason = supports(program)
    if reason is not None:
        raise ValueError(reason)
    graph = _Graph()
    names = ["picture"]
    for op in program.ops:
        names.append(NODES[type(op)](graph, op, *(names[index] for index in op.operands())))
    graph.node("Identity", [names[-1]], "result")
    width, height = size or ("width", "height")
    result = (width * program.scale, height * program.scale) if size else ("high_width", "high_height")
    made = helper.make_graph(
        graph.nodes,
        program.name,
        [_value("picture", program.channels, height, width, fixed=size is not None)],
        [_value("result", program.value_types[-1].channels, result[1], result[0], fixed=size is not None)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    made_model = helper.make_model(made, producer_name="thinlens", opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(made_model)
    return made_model


def _value(name: str, channels: int, height: int | str, width: int | str, fixed: bool) -> onnx.ValueInfoProto:
    shape = [1 if fixed else "batch", channels, height, width]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _float_weight(op: Convolution) -> NDArray[np.float64]:
    """The weights that are applied, also where they are stored as int8."""
    weight = op.weight.astype(np.float64)
    return weight if op.weight_scale is None else weight * op.weight_scale[:, None, None, None]


class _Graph:
    """Nodes and constants as they are added; every node has one result, named after its place."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], result: str = "", **attributes: Any) -> str:
        result = result or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [result], **attributes))
        return result

    def constant(self, value: NDArray[Any] | np.generic) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def convolution(self, op: Convolution, source: str) -> str:
        radius, bias = op.weight.shape[2] // 2, op.bias
        if op.pad_value is not None:  # ONNX pads all channels with one value: subtract the pad value, then add it
            source = self.node("Sub", [source, self.constant(op.pad_value[:, None, None])])
            constant = np.einsum("oiyx,i->o", _float_weight(op), op.pad_value)
            bias = (constant if bias is None else constant + bias).astype(np.float32)
        if op.padding != "zero" and radius:
            source, radius = self.edges(source, radius, op.padding), 0
        weight = self.constant(op.weight)
        if op.weight_scale is not None:
            weight = self.node("DequantizeLinear", [weight, self.constant(op.weight_scale)], axis=0)
        inputs = [source, weight] if bias is None else [source, weight, self.constant(bias)]
        return self.node("Conv", inputs, pads=[radius] * 4)

    def activation(self, op: Activation, source: str) -> str:
        if op.slope is None:
            return self.node(ACTIVATIONS[op.function], [source])
        if (op.slope == op.slope[0]).all():  # engines compute it together with the convolution before it
            return self.node("LeakyRelu", [source], alpha=float(op.slope[0]))
        return self.node("PRelu", [source, self.constant(op.slope[:, None, None])])

    def edges(self, source: str, radius: int, mode: str = "edge") -> str:
        pads = self.constant(np.array([0, 0, radius, radius, 0, 0, radius, radius], np.int64))
        return self.node("Pad", [source, pads], mode=mode)

    def shift_and_sum(self, op: ShiftAndSum, source: str) -> str:
        """All maps upright, shuffled, and summed by a convolution with one tap for each."""
        count = op.maps * op.scale**2
        places = (op.places() + count * np.arange(op.rotations)[:, None]).ravel()
        upright = self.node("Gather", [source, self.constant(places.astype(np.int64))], axis=1)
        maps = self.node("DepthToSpace", [upright], blocksize=op.scale, mode="CRD")
        weight = np.eye(op.maps, dtype=np.float32)[::-1].reshape(1, op.maps, op.kernel, op.kernel)
        weight = self.constant(np.tile(weight, (1, op.rotations, 1, 1)))
        radius = op.step * (op.kernel // 2)
        framed = self.edges(maps, radius, "reflect") if radius else maps
        return self.node("Conv", [framed, weight], dilations=[op.step] * 2)

    def fake_quantize(self, op: FakeQuantize, source: str) -> str:
        zero = np.asarray(op.zero_point, np.uint8)
        unit = [self.constant(np.full(zero.shape, op.scale, np.float32)), self.constant(zero)]
        if op.factor is not None:
            source = self.node("Mul", [source, self.constant(op.factor[:, None, None])])
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [source, *unit]), *unit])

    def softmax_sum(self, op: SoftmaxSum, source: str) -> str:
        count = 3 if op.logit == "query*key" else 2
        parts = [f"part_{len(self.nodes)}_{index}" for index in range(count)]
        self.nodes.append(helper.make_node("Split", [source], parts, axis=1, num_outputs=count))
        logit = parts[-1] if op.logit == "key" else self.node("Mul", [parts[1], parts[-1]])
        weight = self.node("Softmax", [logit], axis=1)
        weighted = self.node("Mul", [parts[0], weight])
        return self.node("ReduceSum", [weighted, self.constant(np.array([1]))], keepdims=1)

    def add_chroma(self, op: AddChroma, source: str, picture: str) -> str:
        chroma = self.node("Sub", [picture, self.luma(picture)])
        return self.node("Add", [source, self.bicubic(chroma, op.scale)])

    def luma(self, source: str) -> str:
        weight = np.array(LUMA_WEIGHTS, np.float32).reshape(1, 3, 1, 1)
        return self.node("Conv", [source, self.constant(weight)])

    def bicubic(self, source: str, scale: int) -> str:
        """Both passes of the enlargement as one convolution of each of the three channels and a shuffle."""
        taps = bicubic_taps(scale)
        kernels = np.einsum("iy,jx->ijyx", taps, taps).reshape(scale**2, 1, 5, 5).astype(np.float32)
        weight = self.constant(np.tile(kernels, (3, 1, 1, 1)))
        planes = self.node("Conv", [self.edges(source, 2), weight], group=3)
        return self.node("DepthToSpace", [planes], blocksize=scale, mode="CRD")

    def slice(self, op: Slice, source: str) -> str:
        bounds = [self.constant(np.array([value], np.int64)) for value in (op.start, op.stop, 1)]
        return self.node("Slice", [source, *bounds])

    def point_sample(self, op: PointSample, source: str, offsets: str) -> str:
        """GridSample, which calls the edges of the source -1 and 1; groups become pictures."""
        bounds = [self.constant(np.float32(value)) for value in (-op.bound, op.bound)]
        parts = [f"part_{len(self.nodes)}_{axis}" for axis in "xy"]
        clipped = self.node("Clip", [offsets, *bounds])
        self.nodes.append(helper.make_node("Split", [clipped], parts, axis=1, num_outputs=2))
        sizes = [self.node("Shape", [source], start=axis, end=axis + 1) for axis in (3, 2)]
        places = [
            self._normalized(op, part, size, column)
            for part, size, column in zip(parts, sizes, (True, False), strict=True)
        ]
        axis = self.constant(np.array([4], np.int64))
        grid = self.node("Concat", [self.node("Unsqueeze", [place, axis]) for place in places], axis=4)
        grid = self.reshaped(grid, [-1], self.node("Shape", [grid], start=2))
        shape = self.node("Shape", [source])
        groups, ones = (np.array([op.groups, 1, 1, 1], np.int64), np.array([1, op.groups, 1, 1], np.int64))
        split = self.node("Div", [self.node("Mul", [shape, self.constant(groups)]), self.constant(ones)])
        planes = self.node("Reshape", [source, split])
        sampled = self.node("GridSample", [planes, grid], mode="bilinear", padding_mode="border", align_corners=0)
        whole = self.node("Mul", [shape, self.constant(np.array([1, 1, op.scale, op.scale], np.int64))])
        return self.node("Reshape", [sampled, whole])

    def _normalized(self, op: PointSample, offset: str, size: str, column: bool) -> str:
        """Where to read along one axis: offsets `(N, groups, H, W)` in pixels of a source of `size`, to -1…1."""
        zero, one = self.constant(np.int64(0)), self.constant(np.int64(1))
        high = self.node("Squeeze", [self.node("Mul", [size, self.constant(np.array([op.scale], np.int64))])])
        index = self.node("Cast", [self.node("Range", [zero, high, one])], to=TensorProto.FLOAT)
        index = self.node("Add", [index, self.constant(np.float32(0.5))])
        center = self.node("Div", [index, self.constant(np.float32(op.scale))])
        if not column:
            center = self.node("Unsqueeze", [center, self.constant(np.array([1], np.int64))])
        place = self.node("Add", [offset, center])
        doubled = self.node("Mul", [place, self.constant(np.float32(2))])
        width = self.node("Cast", [size], to=TensorProto.FLOAT)
        return self.node("Sub", [self.node("Div", [doubled, width]), self.constant(np.float32(1))])

    def reshaped(self, source: str, first: list[int], others: str) -> str:
        shape = self.node("Concat", [self.constant(np.array(first, np.int64)), others], axis=0)
        return self.node("Reshape", [source, shape])


NODES: dict[type[Operation], Callable[..., str]] = {
    Convolution: _Graph.convolution,
    Activation: _Graph.activation,
    Add: lambda graph, op, source, other: graph.node("Add", [source, other]),
    FakeQuantize: _Graph.fake_quantize,
    PixelShuffle: lambda graph, op, source: graph.node("DepthToSpace", [source], blocksize=op.scale, mode="CRD"),
    ReduceMax: lambda graph, op, source: graph.node("ReduceMax", [source, graph.constant(np.array([1]))], keepdims=1),
    SoftmaxSum: _Graph.softmax_sum,
    Luma: lambda graph, op, source: graph.luma(source),
    AddChroma: _Graph.add_chroma,
    ShiftAndSum: _Graph.shift_and_sum,
    PointSample: _Graph.point_sample,
    Multiply: lambda graph, op, source, other: graph.node("Mul", [source, other]),
    Slice: _Graph.slice,
}
"""Each operation in ONNX: from the graph, the operation and the values that it reads to the name of its result."""
LEFT_OUT: tuple[type[Operation], ...] = (RoundingShiftRight, Lookup, Rescale, Upsample, *COLOR_OPERATIONS)
"""Of integer programs, in whose place the float program is written, of adaptive ones, written as .cube files, and of
the planes of films, which engines interpolate by themselves."""
