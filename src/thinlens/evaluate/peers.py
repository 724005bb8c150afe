"""Other engines as peers in a measurement of speed: each prepared in its best form, ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import ChannelMaximum, Convolution, Luma, Op, PixelShuffle, Program, Recolor, RoundShift, SoftmaxSum

Run = Callable[[], object]
"""Enlarge the picture once."""


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


def torch(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    """PyTorch's own operators in inference mode on a float32 tensor made beforehand."""
    engine = _load("torch")
    engine.set_num_threads(threads)
    tensor = engine.from_numpy(_planes(picture))
    steps = [_torch_step(engine, op) for op in program.ops]

    def run() -> object:
        with engine.inference_mode():
            value = tensor
            for step in steps:
                value = step(value)
            return value

    return run


PEERS: dict[str, Callable[[Program, NDArray[np.uint8], int], Run]] = {
    "opencv": opencv,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
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


def _torch_step(torch: Any, op: Op) -> Callable[[Any], Any]:
    """One operation on `(1, C, H, W)` tensors; each reads the one before."""
    functional = torch.nn.functional
    match op:
        case Convolution():
            weight = torch.from_numpy(op.weight.copy())
            bias = None if op.bias is None else torch.from_numpy(op.bias.copy())
            radius = op.weight.shape[2] // 2
            if op.padding == "zero":
                return lambda value: functional.conv2d(value, weight, bias, padding=radius)
            return lambda value: functional.conv2d(functional.pad(value, [radius] * 4, "replicate"), weight, bias)
        case PixelShuffle():
            return lambda value: functional.pixel_shuffle(value, op.scale)
        case ChannelMaximum():
            return lambda value: value.amax(1, keepdim=True)
        case SoftmaxSum(score="key"):
            return lambda value: _attend(value.chunk(2, 1)[0], value.chunk(2, 1)[1])
        case SoftmaxSum():
            return lambda value: _attend(value.chunk(3, 1)[0], value.chunk(3, 1)[1] * value.chunk(3, 1)[2])
        case RoundShift() | Luma() | Recolor():
            raise ValueError(f"{type(op).__name__} is not measured in PyTorch: leave torch out of the comparison")


def _attend(value: Any, score: Any) -> Any:
    return (value * score.softmax(1)).sum(1, keepdim=True)
