"""FSRCNN as it is published, with its transposed convolution, in other engines beside thinlens; run by speed.py.

A program holds the transposed convolution as a convolution and a pixel shuffle, and `thinlens.evaluation.speed` gives
the other engines that form, in which they are about twice as quick as in this one, which their users have.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import thinlens
from thinlens import nets
from thinlens.bake import fuse
from thinlens.evaluation.speed import Speed, machine, timing

IDENTIFIER = "FSRCNN_s2_D56_S12_M4"
SIZE = (1920, 1080)
THREADS = 2


def measure(rounds: int, date: str) -> Speed:
    """Median and quartiles of all engines, each run once unmeasured before every measured run."""
    torch.manual_seed(0)
    module: Any = nets.build(nets.parse(IDENTIFIER))
    picture = np.random.default_rng(0).integers(0, 256, SIZE[::-1], np.uint8)
    planes = (picture / np.float32(255)).astype(np.float32)[None, None]
    compiled = thinlens.compile(fuse(nets.lower(module)))
    runs: dict[str, Callable[[], Any]] = {"thinlens": lambda: compiled(picture, threads=THREADS)}
    runs |= _engines(_model(module.net).SerializeToString(), planes)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run()
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    timings = tuple(timing(IDENTIFIER, 2, name, seconds) for name, seconds in times.items())
    versions = {name: version(name) for name in ("thinlens", "halide", "onnxruntime", "openvino")}
    return Speed(timings, SIZE, False, THREADS, machine(), date, versions)


def _engines(model: bytes, planes: NDArray[np.float32]) -> dict[str, Callable[[], Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    config = {"INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(model), "CPU", config).create_infer_request()
    return {
        "onnxruntime": lambda: session.run(None, {"picture": planes}),
        "openvino": lambda: request.infer({0: planes}, share_inputs=True, share_outputs=True),
    }


def _model(layers: torch.nn.Sequential) -> onnx.ModelProto:
    """The layers one by one as ONNX, the activations as LeakyRelu: PReLU with one slope takes engines longer."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    name = "picture"
    for index, layer in enumerate(layers):
        result = f"value_{index}"
        if isinstance(layer, torch.nn.PReLU):
            nodes.append(helper.make_node("LeakyRelu", [name], [result], alpha=float(layer.weight)))
        else:
            assert isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d) and layer.bias is not None
            for part, tensor in (("weight", layer.weight), ("bias", layer.bias)):
                constants.append(numpy_helper.from_array(tensor.detach().numpy(), f"{part}_{index}"))
            transposed = isinstance(layer, torch.nn.ConvTranspose2d)
            settings: dict[str, Any] = {"pads": [int(layer.padding[0])] * 4}
            if transposed:
                settings |= {"strides": list(layer.stride), "output_padding": list(layer.output_padding)}
            inputs = [name, f"weight_{index}", f"bias_{index}"]
            nodes.append(helper.make_node("ConvTranspose" if transposed else "Conv", inputs, [result], **settings))
        name = result
    width, height = SIZE
    low = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 1, height, width])
    high = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 2 * height, 2 * width])
    graph = helper.make_graph(nodes, IDENTIFIER, [low], [high], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    return made
