"""Float programs as networks of ncnn: the text of a `.param` file and the content of a `.bin` file.

Blob `picture` is `(W, H, 1)` float32 in [0, 1], blob `result` is `scale` times larger. Where ncnn applies an activation
within the convolution, it is written so, as its own optimizer does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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

MAGIC = "7767517"
SETTINGS_ARRAY = -23300
"""A setting k that is an array has the key -23300 - k; its text is its length, then its values."""
EQUAL_PARTS = -233
ACTIVATIONS = {"relu": "ReLU", "prelu": "PReLU", "tanh": "TanH", "sigmoid": "Sigmoid", "softplus": "Softplus"}
ADD, MULTIPLY = 0, 2
SUM, MAXIMUM = 0, 4

Settings = dict[int, int | float | list[int] | list[float]]


def model(program: Program) -> tuple[str, bytes]:
    """The network as text and its weights. Raises ValueError for operations that `LAYERS` does not have."""
    network, names = _Network(), ["picture"]
    reads = Counter(source for op in program.ops for source in op.operands())
    network.add("Input", [], result="picture")
    for op in program.ops:
        inputs = [names[source] for source in op.operands()]
        fused = isinstance(op, Activation) and reads[op.source] == 1 and network.fuse(inputs[0], op)
        names.append(inputs[0] if fused else network.operation(op, inputs))
    network.add("Noop", [names[-1]], result="result")
    return network.text(), b"".join(layer.weights for layer in network.layers)


@dataclass
class _Layer:
    """One line of the text; every layer but Split has one result."""

    kind: str
    inputs: list[str]
    results: list[str]
    settings: Settings = field(default_factory=Settings)
    weights: bytes = b""

    def line(self, index: int) -> str:
        counts = f"{len(self.inputs)} {len(self.results)}"
        settings = [_setting(key, value) for key, value in self.settings.items()]
        return " ".join([self.kind, f"layer_{index}", counts, *self.inputs, *self.results, *settings])


class _Network:
    def __init__(self) -> None:
        self.layers: list[_Layer] = []

    def add(
        self, kind: str, inputs: list[str], settings: Settings | None = None, weights: bytes = b"", result: str = ""
    ) -> str:
        name = result or f"{kind}_{len(self.layers)}"
        self.layers.append(_Layer(kind, inputs, [name], settings or {}, weights))
        return name

    def fuse(self, name: str, op: Activation) -> bool:
        """Apply an activation within the convolution that made a value, if ncnn can."""
        layer = next(layer for layer in self.layers if name in layer.results)
        same = op.slope is not None and (op.slope == op.slope[0]).all()
        if layer.kind != "Convolution" or not (op.function in ("relu", "sigmoid") or same):
            return False
        layer.settings[9] = {"relu": 1, "prelu": 2, "sigmoid": 4}[op.function]
        if op.slope is not None:
            layer.settings[10] = [float(op.slope[0])]
        return True

    def operation(self, op: Operation, inputs: list[str]) -> str:
        write = LAYERS.get(type(op))
        if write is None:
            raise missing("form in ncnn: leave ncnn out of the comparison", op)
        return write(self, op, *inputs)

    def convolution(self, op: Convolution, source: str) -> str:
        if op.weight.dtype != np.float32:
            raise ValueError("ncnn computes in float32 here: leave ncnn out of the comparison")
        outputs, _, kernel, _ = op.weight.shape
        radius = kernel // 2
        if radius and (op.padding != "zero" or op.pad_value is not None):
            source, radius = self.border(op, source, radius), 0
        settings: Settings = {0: outputs, 1: kernel, 4: radius, 5: int(op.bias is not None), 6: op.weight.size}
        bias = b"" if op.bias is None else op.bias.tobytes()
        return self.add("Convolution", [source], settings, bytes(4) + op.weight.tobytes() + bias)

    def border(self, op: Convolution, source: str, radius: int) -> str:
        settings: Settings = dict.fromkeys(range(4), radius)
        if op.pad_value is None:
            return self.add("Padding", [source], {**settings, 4: 1 if op.padding == "edge" else 2})
        return self.add("Padding", [source], {**settings, 6: len(op.pad_value)}, op.pad_value.tobytes())

    def activation(self, op: Activation, source: str) -> str:
        slope = np.zeros(0, np.float32) if op.slope is None else op.slope
        settings: Settings = {} if op.slope is None else {0: len(slope)}
        return self.add(ACTIVATIONS[op.function], [source], settings, slope.tobytes())

    def softmax_sum(self, op: SoftmaxSum, source: str) -> str:
        count = 3 if op.logit == "query*key" else 2
        parts = [f"part_{len(self.layers)}_{index}" for index in range(count)]
        self.layers.append(_Layer("Slice", [source], parts, {0: [EQUAL_PARTS] * count, 1: 0}))
        logit = parts[-1] if op.logit == "key" else self.add("BinaryOp", [parts[1], parts[-1]], {0: MULTIPLY})
        weight = self.add("Softmax", [logit], {0: 0, 1: 1})
        return self.reduce(self.add("BinaryOp", [parts[0], weight], {0: MULTIPLY}), SUM)

    def reduce(self, source: str, operation: int) -> str:
        return self.add("Reduction", [source], {0: operation, 1: 0, 3: [0], 4: 1, 5: 1})

    def text(self) -> str:
        """The network, with a layer that hands out each result that is read more than once."""
        reads = Counter(name for layer in self.layers for name in layer.inputs)
        layers: list[_Layer] = []
        copies: dict[str, list[str]] = {}
        for layer in self.layers:
            inputs = [copies[name].pop() if name in copies else name for name in layer.inputs]
            layers.append(_Layer(layer.kind, inputs, layer.results, layer.settings))
            for name in layer.results:
                if reads[name] > 1:
                    copies[name] = [f"{name}_{index}" for index in range(reads[name])]
                    layers.append(_Layer("Split", [name], list(copies[name])))
        blobs = sum(len(layer.results) for layer in layers)
        lines = [layer.line(index) for index, layer in enumerate(layers)]
        return "\n".join([MAGIC, f"{len(layers)} {blobs}", *lines]) + "\n"


def _setting(key: int, value: Any) -> str:
    if isinstance(value, list):
        return f"{SETTINGS_ARRAY - key}={','.join(str(item) for item in [len(value), *value])}"
    return f"{key}={value}"


LAYERS: dict[type[Operation], Callable[..., str]] = {
    Convolution: _Network.convolution,
    Activation: _Network.activation,
    Add: lambda network, op, source, other: network.add("BinaryOp", [source, other], {0: ADD}),
    PixelShuffle: lambda network, op, source: network.add("PixelShuffle", [source], {0: op.scale}),
    ReduceMax: lambda network, op, source: network.reduce(source, MAXIMUM),
    SoftmaxSum: _Network.softmax_sum,
}
"""Each operation in ncnn: from the network, the operation and the blobs that it reads to the blob of its result."""
LEFT_OUT: tuple[type[Operation], ...] = (
    *(FakeQuantize, RoundingShiftRight, Luma, AddChroma, Upsample),
    *(PointSample, Multiply, Slice),
    *(Lookup, ShiftAndSum, Rescale),
    *COLOR_OPERATIONS,
)
"""Quantized and RGB programs are measured beside ONNX Runtime and OpenVINO, sampling beside these and PyTorch, tables
beside other tables, color tables in benchmarks."""
