"""Other engines as peers in a measurement of speed: each prepared in its best form, ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

Run = Callable[[], object]
"""Enlarge the picture once."""
TensorFunction = Callable[..., Any]
"""From `(1, C, H, W)` tensors to one."""


def opencv(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    """OpenCV's `INTER_CUBIC` on the picture itself, for scale: the network is not run."""
    cv2 = _load("cv2")
    cv2.setNumThreads(threads)
    height, width = picture.shape[:2]
    size = (width * program.scale, height * program.scale)
    return lambda: cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)


def onnxruntime(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    """ONNX Runtime on a float32 tensor made beforehand, all graph optimizations."""
    engine = _load("onnxruntime")
    planes = _planes(picture)
    options = engine.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = engine.InferenceSession(_onnx(program, planes), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"picture": planes})


def openvino(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    """OpenVINO on a float32 tensor made beforehand, compiled for its shape, least latency."""
    engine = _load("openvino")
    planes = _planes(picture)
    core = engine.Core()
    config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(_onnx(program, planes)), "CPU", config)
    request = compiled.create_infer_request()
    return lambda: request.infer({0: planes}, share_inputs=True, share_outputs=True)


def opencv_dnn(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    """OpenCV's own engine for networks on a float32 tensor made beforehand."""
    cv2 = _load("cv2")
    if program.quantized:
        raise ValueError(f"OpenCV rounds the layers of {program.name} in its own way: leave opencv-dnn out")
    planes = _planes(picture)
    cv2.setNumThreads(threads)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(_onnx(program, planes), np.uint8))

    def run() -> object:
        network.setInput(planes, "picture")
        return network.forward()

    try:
        run()
    except cv2.error as error:
        raise ValueError(f"OpenCV cannot run {program.name}: {str(error).splitlines()[0]}") from None
    return run


def ncnn(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    """ncnn in float32 on a tensor made beforehand, activations within convolutions where it has them."""
    engine = _load("ncnn")
    from .ncnn_model import model

    text, weights = model(program)
    network = engine.Net()
    network.opt.num_threads = threads
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    network.load_param_mem(text)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weights.bin"
        file.write_bytes(weights)
        network.load_model(str(file))
    planes = _planes(picture)[0]
    tensor = engine.Mat(planes).clone()  # a Mat keeps no reference to an array

    def run() -> object:
        extractor = network.create_extractor()
        extractor.input("picture", tensor)
        return extractor.extract("result")[1]

    return run


def torch(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    """PyTorch's own operators in inference mode on a float32 tensor made beforehand."""
    engine = _load("torch")
    engine.set_num_threads(threads)
    tensor = engine.from_numpy(_planes(picture))
    functions = [_torch_function(engine, op) for op in program.ops]
    last_read = {source: index for index, op in enumerate(program.ops) for source in op.operands()}

    def run() -> object:
        with engine.inference_mode():
            values = [tensor]
            for index, (function, op) in enumerate(zip(functions, program.ops, strict=True)):
                values.append(function(*(values[source] for source in op.operands())))
                for source in op.operands():
                    if last_read[source] == index:
                        values[source] = None  # gives its memory back
            return values[-1]

    return run


PEERS: dict[str, Callable[[Program, NDArray[np.uint8], int], Run]] = {
    "opencv": opencv,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "ncnn": ncnn,
    "opencv-dnn": opencv_dnn,
    "torch": torch,
}


def _load(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ImportError(f"{name} is needed for this comparison: pip install 'thinlens[benchmark]'") from None


def _onnx(program: Program, planes: NDArray[np.float32]) -> bytes:
    _load("onnx")
    from ..export.onnx_model import model

    return model(program, (planes.shape[3], planes.shape[2])).SerializeToString()


def _planes(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(H, W)` or `(H, W, 3)` uint8 to `(1, C, H, W)` float32 in [0, 1]."""
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    return np.ascontiguousarray(planes[None] / np.float32(255), np.float32)


def _torch_function(torch: Any, op: Operation) -> TensorFunction:
    make = TORCH.get(type(op))
    if make is None:
        raise missing("form in PyTorch: leave torch out of the comparison", op)
    return make(torch, op)


def _convolution(torch: Any, op: Convolution) -> TensorFunction:
    if op.weight.dtype != np.float32:
        raise ValueError("PyTorch computes in float32 here: leave torch out of the comparison")
    functional = torch.nn.functional
    weight = torch.from_numpy(op.weight.copy())
    bias = None if op.bias is None else torch.from_numpy(op.bias.copy())
    radius = op.weight.shape[2] // 2
    if op.padding != "zero" and radius:
        mode = "replicate" if op.padding == "edge" else "reflect"
        return lambda value: functional.conv2d(functional.pad(value, [radius] * 4, mode), weight, bias)
    if op.pad_value is None:
        return lambda value: functional.conv2d(value, weight, bias, padding=radius)
    pad_value = torch.from_numpy(op.pad_value.copy())[:, None, None]
    return lambda value: functional.conv2d(functional.pad(value - pad_value, [radius] * 4) + pad_value, weight, bias)


def _activation(torch: Any, op: Activation) -> TensorFunction:
    functional = torch.nn.functional
    if op.slope is None:
        return functional.softplus if op.function == "softplus" else getattr(torch, op.function)
    slope = torch.from_numpy(op.slope.copy())
    return lambda value: functional.prelu(value, slope)


def _softmax_sum(torch: Any, op: SoftmaxSum) -> TensorFunction:
    def run(value: Any) -> Any:
        parts = value.chunk(3 if op.logit == "query*key" else 2, 1)
        logits = parts[1] if op.logit == "key" else parts[1] * parts[-1]
        return (parts[0] * logits.softmax(1)).sum(1, keepdim=True)

    return run


def _point_sample(torch: Any, op: PointSample) -> TensorFunction:
    def run(value: Any, offsets: Any) -> Any:
        batch, channels, height, width = value.shape
        x, y = offsets.clamp(-op.bound, op.bound).chunk(2, 1)
        column, row = ((torch.arange(size * op.scale) + 0.5) / op.scale for size in (width, height))
        grid = torch.stack([(x + column) * (2 / width) - 1, (y + row[:, None]) * (2 / height) - 1], -1).flatten(0, 1)
        groups = value.reshape(batch * op.groups, channels // op.groups, height, width)
        sampled = torch.nn.functional.grid_sample(groups, grid, "bilinear", "border", align_corners=False)
        return sampled.reshape(batch, channels, height * op.scale, width * op.scale)

    return run


TORCH: dict[type[Operation], Callable[[Any, Any], TensorFunction]] = {
    Convolution: _convolution,
    Activation: _activation,
    Add: lambda torch, op: torch.add,
    PixelShuffle: lambda torch, op: torch.nn.PixelShuffle(op.scale),
    ReduceMax: lambda torch, op: lambda value: value.amax(1, keepdim=True),
    SoftmaxSum: _softmax_sum,
    PointSample: _point_sample,
    Multiply: lambda torch, op: torch.mul,
    Slice: lambda torch, op: lambda value: value[:, op.start : op.stop],
}
"""Each operation in PyTorch: from the package `torch` and the operation to what it does with tensors."""
NOT_IN_TORCH: tuple[type[Operation], ...] = (
    *(FakeQuantize, RoundingShiftRight, Luma, AddChroma, Upsample),
    *(Lookup, ShiftAndSum, Rescale),
    *COLOR_OPERATIONS,
)
"""Quantized and RGB programs are measured beside ONNX Runtime and OpenVINO, those of tables beside other tables, color
tables in benchmarks."""
