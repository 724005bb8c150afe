"""Speed, measured side by side: the engines run the same network, and the figures carry their circumstances."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import halide as hl
import numpy as np
import pytest

from equivalence.tolerances import FLOAT
from programs import convolution, deep_program, float_program, integer_program, picture, quantized_program
from thinlens.evaluation import Speed, Timing, benchmark, ncnn_model, peers, speed
from thinlens.program import Activation, Add, PixelShuffle, Program, SoftmaxSum, reference
from thinlens.program.ops import OPERATIONS

PROGRAMS = [float_program("maximum", 2, 3, 2, padding="edge", bias=True), float_program("query*key", 3, 5, 2)]
DEEP = [
    deep_program("prelu", 2, 3),
    deep_program("relu", 3, 2, "edge"),
    deep_program("tanh", 4, 3),
    deep_program("sigmoid", 2, 3, "edge"),
    deep_program("softplus", 2, 5),
    Program("reflect", (convolution(0, 4, 1, 5, "reflect", bias=True), PixelShuffle(1, 2))),
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
def test_peers_run_the_same_network_in_int8(engine: str) -> None:
    program, source = quantized_program(2, 4), picture(19, 33, False, np.uint8)
    wanted = reference.run(program, source.astype(np.float32) / np.float32(255))
    difference = np.abs(run(engine, program, source) - wanted)
    assert (difference > FLOAT).mean() < 0.02 and difference.max() < 0.02  # neighbors, where there is a tie


@pytest.mark.parametrize(
    ("table", "left_out"), [(peers.TORCH, peers.NOT_IN_TORCH), (ncnn_model.LAYERS, ncnn_model.LEFT_OUT)]
)
def test_every_operation_is_written_for_an_engine_or_left_out(
    table: dict[type, Any], left_out: tuple[type, ...]
) -> None:
    assert sorted(op.__name__ for op in (*table, *left_out)) == sorted(op.__name__ for op in OPERATIONS)


def test_an_engine_that_cannot_run_a_model_is_left_out_with_the_reason() -> None:
    for name in ("ncnn", "torch", "cv2"):
        pytest.importorskip(name)
    against = ["ncnn", "opencv", "torch", "opencv-dnn"]
    program = quantized_program(2, 4)
    found, name = benchmark(program, size=(40, 30), against=against, threads=1, repeats=1), program.name
    assert [timing.engine for timing in found.timings] == ["thinlens", "opencv"]
    assert found.left_out == (
        f"{name} without ncnn: FakeQuantize has no form in ncnn: leave ncnn out of the comparison",
        f"{name} without torch: FakeQuantize has no form in PyTorch: leave torch out of the comparison",
        f"{name} without opencv-dnn: OpenCV rounds the layers of {name} in its own way: leave opencv-dnn out",
    )
    assert f"\n- {found.left_out[0]}\n" in found.markdown()
    color = benchmark(PROGRAMS[0], size=(40, 30), against=["ncnn", "torch"], threads=1, repeats=1, color=True)
    assert [reason.split(": ")[1] for reason in color.left_out] == [
        "Luma has no form in ncnn",
        "Luma has no form in PyTorch",
    ]
    integer = integer_program(2, 3, 2).uint8
    assert integer is not None
    fixed = benchmark(integer, size=(40, 30), against=["ncnn", "torch"], threads=1, repeats=1)
    assert [reason.split(": ")[1] for reason in fixed.left_out] == [
        "ncnn computes in float32 here",
        "PyTorch computes in float32 here",
    ]


def test_what_opencv_cannot_run_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its engine could not add one channel to several where it merges the addition with a convolution."""
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("onnx")

    class Failing:
        def setInput(self, *_: object) -> None: ...

        def forward(self) -> None:
            raise cv2.error("cannot add\nin some file")

    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", lambda _: Failing())
    program = deep_program("prelu", 2, 3, "edge")
    with pytest.raises(ValueError, match=f"^OpenCV cannot run {program.name}: cannot add$"):
        run("opencv-dnn", program, picture(19, 33, False, np.uint8))


def test_what_opencv_could_not_run_is_right_where_it_does() -> None:
    program, source = deep_program("prelu", 2, 3, "edge").color, picture(19, 33, True, np.uint8)
    try:
        result = run("opencv-dnn", program, source)
    except ValueError as error:
        assert str(error).startswith(f"OpenCV cannot run {program.name}: ")
        pytest.skip(str(error))
    wanted = reference.run(program, source.astype(np.float32) / np.float32(255))
    assert np.abs(result - np.moveaxis(wanted, -1, 0)).max() <= FLOAT


def test_a_measurement_carries_its_circumstances() -> None:
    found = benchmark(PROGRAMS, size=(40, 30), threads=1, repeats=3)
    assert [timing.model for timing in found.timings] == [program.name for program in PROGRAMS]
    assert [timing.scale for timing in found.timings] == [2, 3]
    assert all(0 < timing.lower <= timing.median <= timing.upper and timing.rounds == 3 for timing in found.timings)
    assert found.size == (40, 30) and found.threads == 1 and found.machine == speed.machine()
    assert set(found.versions) == {"thinlens", "halide"} and "unknown" not in found.versions.values()
    assert found.markdown().startswith("luma uint8, 40×30 low-resolution; 1 threads; ")
    assert Speed.from_json(found.to_json()) == found


def test_median_and_quartiles() -> None:
    assert speed.timing("x", 3, "torch", [0.005, 0.001, 0.002, 0.004, 0.003]) == Timing("x", 3, "torch", 3, 2, 4, 5)


TIMINGS = (
    Timing("a_s2", 2, "thinlens", 1.5, 1.25, 1.755001, 9),
    Timing("a_s2", 2, "torch", 3.75, 3.5, 4.0, 9),
    Timing("b_s3", 3, "thinlens", 20.0, 19.0, 21.0, 9),
    Timing("c_s3", 3, "torch", 10.0, 9.0, 11.0, 9),
)
SPEED = Speed(
    TIMINGS,
    (64, 48),
    True,
    2,
    "Xeon (avx2), 2 processors",
    "2026-11-26",
    {"thinlens": "0.1.0"},
    ("b_s3 without torch: é",),
)


def test_reports(golden: Callable[[str, str], None]) -> None:
    golden("speed.md", SPEED.markdown())
    golden("speed.json", SPEED.to_json() + "\n")
    assert Speed.from_json(SPEED.to_json()) == SPEED
    assert [SPEED.ratio(timing) for timing in TIMINGS] == [1, 2.5, 1, None]


def test_results_of_before_are_read() -> None:
    """Indented, with nothing about what was left out."""
    fields = json.loads(SPEED.to_json())
    del fields["left_out"]
    assert Speed.from_json(json.dumps(fields, indent=2)) == replace(SPEED, left_out=())


@pytest.mark.parametrize(
    ("cpuinfo", "wanted"),
    [
        (
            "model name\t: Xeon\nflags\t\t: fpu fma avx avx2 avx512f avx512_vnni\n",
            "Xeon (avx2, fma, avx512f, avx512_vnni)",
        ),
        ("model name\t: AMD EPYC 7763\nflags\t\t: fpu fma avx2\n\nmodel name\t: other\n", "AMD EPYC 7763 (avx2, fma)"),
        ("model name\t: Old\nflags\t\t: fpu sse4_1\n", "Old"),
        ("processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp\n", "aarch64 (asimd, asimddp)"),
        ("", "aarch64"),
    ],
)
def test_the_processor_is_named_with_its_features(cpuinfo: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert speed.processor(cpuinfo) == wanted


def test_machine_and_processor_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert speed.machine().endswith(f", {os.cpu_count()} processors")
    monkeypatch.setenv("THINLENS_TARGET", str(hl.Target("host-no_asserts")))
    found = benchmark(PROGRAMS[0], size=(8, 8), repeats=1)
    assert "no_asserts" in found.target and ": int8 " in found.target
    assert f"; {found.target}; " in found.markdown()


@pytest.mark.parametrize("color", [False, True], ids=["luma", "RGB"])
def test_engines_run_in_turn_on_the_same_picture(color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once before, to be built, then in each round unmeasured and once measured."""
    turns: list[str] = []

    def peer(name: str) -> Callable[..., Callable[[], None]]:
        def prepare(program: Program, source: Any, threads: int) -> Callable[[], None]:
            assert program is (PROGRAMS[0].color if color else PROGRAMS[0])
            assert (source.shape, source.dtype, threads) == ((30, 40, 3) if color else (30, 40), np.uint8, 1)
            return lambda: turns.append(name)

        return prepare

    monkeypatch.setattr(speed, "WARM_UP", 0.0001)
    monkeypatch.setattr(speed, "PEERS", {"a": peer("a"), "b": peer("b")})
    found = benchmark(PROGRAMS[0], size=(40, 30), against=["a", "b"], threads=1, repeats=3, color=color)
    assert [(timing.engine, timing.rounds) for timing in found.timings] == [("thinlens", 3), ("a", 3), ("b", 3)]
    changes = [name for index, name in enumerate(turns) if index == 0 or turns[index - 1] != name]
    assert changes == ["a", "b"] * 4
    assert len(turns) >= 2 * (1 + 2 * 3)
    assert found.color == color and found.markdown().startswith("RGB" if color else "luma")


@pytest.mark.parametrize("color", [False, True], ids=["luma", "BGR"])
def test_opencv_beside_us(color: bool) -> None:
    cv2 = pytest.importorskip("cv2")
    source = picture(30, 40, color, np.uint8)
    result: Any = peers.PEERS["opencv"](PROGRAMS[1], source, 1)()
    assert np.array_equal(result, cv2.resize(source, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))
    found = benchmark(PROGRAMS[0], size=(40, 30), against=["opencv"], color=color, repeats=1)
    assert [timing.engine for timing in found.timings] == ["thinlens", "opencv"]
    assert found.threads == os.cpu_count()


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
