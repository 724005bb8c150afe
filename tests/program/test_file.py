"""Program files: what is saved is loaded again; what is no program is refused in a sentence."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from thinlens.bake import to_fixed_point
from thinlens.program import (
    Activation,
    Add,
    Convolution,
    FakeQuantize,
    PixelShuffle,
    Program,
    ReduceMax,
    SoftmaxSum,
    dump,
    load,
    reference,
    save,
)


def maximum(seed: int = 0) -> Program:
    """A small eSR-MAX with a bias, its integer twin and a provenance."""
    draw = np.random.default_rng(seed)
    weight = draw.normal(0, 0.2, (8, 1, 3, 3)).astype(np.float32)
    bias = draw.normal(0, 0.01, 8).astype(np.float32)
    program = Program(
        "eSR-MAX_s2_K3_C2",
        (Convolution(0, weight, bias), PixelShuffle(1, 2), ReduceMax(2)),
        provenance={"data": "none", "note": "größer"},
    )
    return replace(program, uint8=to_fixed_point(program))


def attention() -> Program:
    weight = np.random.default_rng(1).normal(0, 0.2, (12, 1, 5, 5)).astype(np.float32)
    return Program(
        "eSR-TR_s2_K5_C1", (Convolution(0, weight, padding="edge"), PixelShuffle(1, 2), SoftmaxSum(2, "query*key"))
    )


def residual() -> Program:
    """Layers with branches and a border value; the quantized twin has weights of a byte."""
    draw = np.random.default_rng(2)
    weight, last = draw.normal(0, 0.2, (3, 1, 1, 1)), draw.normal(0, 0.2, (4, 3, 3, 3))
    bias, slope = draw.normal(0, 0.1, 3).astype(np.float32), draw.random(3, np.float32)
    layers = (
        Convolution(0, weight.astype(np.float32), bias),
        Activation(1, "prelu", slope),
        Convolution(2, last.astype(np.float32), None, "zero", bias),
        Add(3, 0),
        PixelShuffle(4, 2),
    )
    levels = np.rint(last * 100).clip(-128, 127).astype(np.int8)
    quantized = (
        *layers[:2],
        FakeQuantize(2, 0.0123, np.array([17, 0, 255], np.uint8)),
        Convolution(3, levels, np.ones(4, np.float32), weight_scale=np.full(4, 0.01, np.float32)),
        PixelShuffle(4, 2),
    )
    return Program("residual", layers, Program("residual", quantized))


def same(one: Program, other: Program) -> None:
    assert (one.name, dict(one.provenance), len(one.ops)) == (other.name, dict(other.provenance), len(other.ops))
    for left, right in zip(one.ops, other.ops, strict=True):
        assert type(left) is type(right)
        for item in fields(left):
            a, b = getattr(left, item.name), getattr(right, item.name)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)
            else:
                assert a == b
    assert (one.uint8 is None) == (other.uint8 is None)
    if one.uint8 is not None and other.uint8 is not None:
        same(one.uint8, other.uint8)


@pytest.mark.parametrize(
    "program",
    [maximum(), attention(), residual(), maximum().color, attention().color, residual().color],
    ids=lambda p: p.name,
)
def test_round_trip(program: Program, tmp_path: Path) -> None:
    save(program, tmp_path / "x.safetensors")
    loaded = load(tmp_path / "x.safetensors")
    same(program, loaded)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    picture = np.random.default_rng(2).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    np.testing.assert_array_equal(reference.run(program, picture), reference.run(loaded, picture))


def test_save_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save(attention(), path)
    save(maximum(), path)
    same(maximum(), load(path))


def test_failed_save_leaves_nothing_and_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save(attention(), path)
    unwritable = replace(maximum(), provenance={"note": object()})
    with pytest.raises(TypeError):
        save(unwritable, path)
    same(attention(), load(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("maximum", maximum()),
        ("attention", attention()),
        ("attention_color", attention().color),
        ("residual", residual()),
    ],
)
def test_dump(name: str, program: Program, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.txt", dump(program) + "\n")


def test_fields_without_a_value_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save(attention(), path)
    with safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["program"])
    assert list(header["ops"][0]) == ["op", "source", "weight", "padding"]


def test_missing_file_and_folder_are_os_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.safetensors")
    with pytest.raises(OSError):
        load(tmp_path)


def whole() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        save(maximum(), path)
        return path.read_bytes()


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, 1000, -1])
def test_truncated(length: int, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(whole()[:length])
    with pytest.raises(ValueError, match="not a thinlens program, or is damaged"):
        load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"hello, world, this is a text file\n" * 20,
        pickle.dumps({"filter.weight": np.zeros((4, 1, 3, 3))}),
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 99_999_999) + b"{" * 100,
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"\xff\xff\xff\xff",
    ],
    ids=["text", "pickle", "huge header", "header longer than the file", "a list", "not UTF-8"],
)
def test_hostile_bytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a thinlens program, or is damaged"):
        load(path)


def test_other_safetensors_name_the_way(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"filter.weight": np.zeros((4, 1, 3, 3), np.float32)}, path, {"format": "pt"})
    with pytest.raises(ValueError, match="run: thinlens convert CHECKPOINT -o PROGRAM"):
        load(path)


def entry(**changes: object) -> dict[str, object]:
    ops: list[object] = [
        {"op": "Convolution", "source": 0, "weight": {"tensor": "w"}, "bias": None, "padding": "zero"},
        {"op": "PixelShuffle", "source": 1, "scale": 2},
    ]
    return {"name": "x", "ops": ops, "uint8": None, "provenance": {}} | changes


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (json.dumps(entry()), None),
        ("not JSON", "is damaged"),
        ("[]", "is damaged"),
        ("{}", "is damaged"),
        ("[" * 100_000, "is damaged"),
        (json.dumps(entry(ops=3)), "is damaged"),
        (json.dumps(entry(ops=[])), "no operations"),
        (json.dumps(entry(ops=[{"op": "Shell", "source": 0}])), "newer thinlens; upgrade it"),
        (json.dumps(entry(ops=[{"op": "PixelShuffle", "source": 0}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "PixelShuffle", "source": "0", "scale": 2}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "PixelShuffle", "source": 0, "scale": 2, "extra": 1}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "Convolution", "source": 0, "weight": {"tensor": "v"}}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "Convolution", "source": 0, "weight": [1, 2]}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "FakeQuantize", "source": 0, "step": 1, "zero": 0}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "FakeQuantize", "source": 0, "step": 0.5, "zero": 0.5}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "Activation", "source": 0, "function": "gelu"}])), "function must be one of"),
        (json.dumps(entry(ops=[{"op": "Activation", "source": 0, "function": 1}])), "is damaged"),
        (json.dumps(entry(ops=[{"op": "Add", "source": 0}])), "is damaged"),
        (json.dumps(entry(provenance=[1])), "is damaged"),
        (json.dumps(entry(name=3)), "is damaged"),
    ],
)
def test_hostile_headers(header: str, message: str | None, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {"w": np.zeros((4, 1, 3, 3), np.float32)}
    save_file(tensors, path, {"format": "thinlens program 1", "program": header})
    if message is None:
        load(path)
        return
    with pytest.raises(ValueError, match=message):
        load(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 1),
    st.sampled_from(["op", "source", "weight", "bias", "padding", "outside", "step", "scale", "score", "function"]),
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["edge", "SoftmaxSum", "AddChroma", "RoundingShiftRight", "Luma", "Activation", "FakeQuantize"])
    | st.just({"tensor": "w"})
    | st.just({"tensor": 3})
    | st.lists(st.integers(), max_size=2),
)
def test_any_changed_field_is_refused_or_runs(tmp_path: Path, index: int, key: str, value: object) -> None:
    """Whatever a field is changed to, loading either refuses the file in one sentence or gives a program that runs."""
    path = tmp_path / "x.safetensors"
    changed = entry()
    changed["ops"][index][key] = value  # type: ignore[index]
    tensors = {"w": np.ones((4, 1, 3, 3), np.float32)}
    save_file(tensors, path, {"format": "thinlens program 1", "program": json.dumps(changed)})
    try:
        program = load(path)
    except ValueError as error:
        assert str(error)
    else:
        picture = np.ones((3, 4), np.uint8)
        assert reference.run(program, picture).shape == (3 * program.scale, 4 * program.scale)
