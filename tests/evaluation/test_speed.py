"""Speed, measured side by side: the engines run the same network, and the figures carry their circumstances."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from equivalence.tolerances import FLOAT
from programs import convolution, deep_program, float_program, picture, quantized_program
from thinlens.evaluation import benchmark, peers
from thinlens.program import Activation, Add, PixelShuffle, Program, SoftmaxSum, reference

PROGRAMS = [float_program("maximum", 2, 3, 2, padding="edge", bias=True), float_program("query*key", 3, 5, 2)]
DEEP = [
    deep_program("prelu", 2, 3),
    deep_program("relu", 3, 2, "edge"),
    deep_program("tanh", 4, 3),
    deep_program("sigmoid", 2, 3, "edge"),
    deep_program("softplus", 2, 5),
    Program("key", (convolution(0, 24, 1, 5, bias=True), PixelShuffle(1, 2), SoftmaxSum(2, "key"))),
    Program("key*key", (convolution(0, 24, 1, 5), PixelShuffle(1, 2), SoftmaxSum(2, "key*key"))),
    Program(
        "branches",
        (
            *(convolution(0, 4, 1, 3), Activation(1, "prelu", np.full(4, 0.2, np.float32))),
            *(convolution(2, 4, 4, 1, bias=True), Add(2, 3), Activation(4, "sigmoid"), Add(5, 2)),
            *(Add(6, 0), PixelShuffle(7, 2)),
        ),
    ),
]
MODULES = {"opencv-dnn": "cv2"}


def run(engine: str, program: Program, source: Any) -> Any:
    """The result of another engine, `(H, W)` or `(3, H, W)`."""
    pytest.importorskip(MODULES.get(engine, engine))
    if engine not in ("torch", "ncnn"):
        pytest.importorskip("onnx")
    result: Any = peers.PEERS[engine](program, source, 1)()
    if engine == "openvino":
        result = next(iter(result.values()))
    elif engine == "onnxruntime":
        (result,) = result
    elif engine in ("ncnn", "torch"):
        result = result.numpy()
    return np.squeeze(result)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "ncnn", "opencv-dnn", "torch"])
@pytest.mark.parametrize("program", PROGRAMS + DEEP, ids=lambda program: program.name)
def test_peers_run_the_same_network(program: Program, engine: str) -> None:
    source = picture(19, 33, False, np.uint8)
    wanted = reference.run(program, source.astype(np.float32) / np.float32(255))
    assert np.abs(run(engine, program, source) - wanted).max() <= FLOAT


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "opencv-dnn"])
def test_peers_run_the_same_network_in_color(engine: str) -> None:
    program = PROGRAMS[0] if engine == "opencv-dnn" else deep_program("prelu", 2, 3, "edge")
    program, source = program.color, picture(19, 33, True, np.uint8)
    wanted = reference.run(program, source.astype(np.float32) / np.float32(255))
    assert np.abs(run(engine, program, source) - np.moveaxis(wanted, -1, 0)).max() <= FLOAT


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_peers_run_the_same_network_in_bytes(engine: str) -> None:
    program, source = quantized_program(2, 4), picture(19, 33, False, np.uint8)
    wanted = reference.run(program, source.astype(np.float32) / np.float32(255))
    difference = np.abs(run(engine, program, source) - wanted)
    assert (difference > FLOAT).mean() < 0.02 and difference.max() < 0.02  # a level apart, where there is a tie


def test_an_engine_that_cannot_run_a_model_is_left_out_with_the_reason() -> None:
    for name in ("ncnn", "torch", "cv2"):
        pytest.importorskip(name)
    against = ["ncnn", "opencv", "torch", "opencv-dnn"]
    speed = benchmark(quantized_program(2, 4), size=(40, 30), against=against, threads=1, repeats=1)
    assert [timing.engine for timing in speed.timings] == ["thinlens", "opencv"]
    name = "bytes_s2_C4_zero"
    assert speed.left_out == (
        f"{name} without ncnn: FakeQuantize is not measured in ncnn: leave ncnn out of the comparison",
        f"{name} without torch: FakeQuantize is not measured in PyTorch: leave torch out of the comparison",
        f"{name} without opencv-dnn: OpenCV rounds the layers of {name} in its own way: leave opencv-dnn out",
    )
    assert f"\n- {speed.left_out[0]}\n" in speed.markdown()
    color = benchmark(PROGRAMS[0], size=(40, 30), against=["ncnn", "torch"], threads=1, repeats=1, color=True)
    assert [reason.split(": ")[1] for reason in color.left_out] == [
        "Luma is not measured in ncnn",
        "Luma is not measured in PyTorch",
    ]


def test_what_opencv_cannot_run_is_left_out() -> None:
    """Its engine cannot add one channel to several where it merges the addition with a convolution."""
    pytest.importorskip("cv2")
    program = deep_program("prelu", 2, 3, "edge")
    try:
        result = run("opencv-dnn", program.color, picture(19, 33, True, np.uint8))
    except ValueError as error:
        assert str(error).startswith(f"OpenCV cannot run {program.name}: ")
    else:
        assert result.shape == (3, 38, 66)


def test_a_measurement_carries_its_circumstances() -> None:
    speed = benchmark(PROGRAMS, size=(40, 30), threads=1, repeats=3)
    assert [timing.model for timing in speed.timings] == [program.name for program in PROGRAMS]
    assert all(0 < timing.lower <= timing.median <= timing.upper and timing.rounds == 3 for timing in speed.timings)
    assert speed.size == (40, 30) and speed.threads == 1 and speed.machine and speed.versions["halide"]
    assert speed.ratio(speed.timings[0]) == 1
    read = json.loads(speed.to_json())
    assert read["timings"][1]["scale"] == 3
    text = speed.markdown()
    assert text.startswith("luma uint8, 40×30 low; 1 threads; ") and "| query*key_s3_K5_C2 | " in text


def test_opencv_beside_us_in_color() -> None:
    pytest.importorskip("cv2")
    speed = benchmark(PROGRAMS[0], size=(40, 30), against=["opencv"], color=True, repeats=1)
    assert [timing.engine for timing in speed.timings] == ["thinlens", "opencv"]


def test_a_missing_engine_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(peers, "import_module", missing)
    with pytest.raises(ImportError, match=r"cv2 is needed for this comparison: pip install 'thinlens\[benchmark\]'"):
        benchmark(PROGRAMS[0], size=(8, 8), against=["opencv"])


def test_bad_requests() -> None:
    with pytest.raises(ValueError, match="unknown engine 'tensorflow'; the known ones: opencv, onnxruntime"):
        benchmark(PROGRAMS[0], against=["tensorflow"])
    with pytest.raises(ValueError, match="size, threads and repeats must be at least 1, got 0x8"):
        benchmark(PROGRAMS[0], size=(0, 8))
