"""A new operation is its dataclass, its reference and its pipeline: three places, and all else follows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from programs import convolution, picture
from thinlens.kernels import Compiled
from thinlens.pipelines import plain
from thinlens.program import (
    COLOR_OPERATIONS,
    Convolution,
    Operand,
    Operation,
    PixelShuffle,
    Program,
    ValueType,
    dump,
    file,
    load,
    reference,
    save,
)
from thinlens.program.ops import FLOAT, OPERATIONS


@dataclass(frozen=True, eq=False)
class Blend(Operation):
    """source · (1 - part) + other · part, plus an offset for each channel."""

    arithmetic: ClassVar = FLOAT
    source: Operand
    other: Operand
    part: float
    offset: NDArray[np.float32] | None = None

    def result(self, *inputs: ValueType) -> ValueType:
        source, other = inputs
        if (source.channels, source.scale) != (other.channels, other.scale):
            raise ValueError(f"cannot blend {other.channels} channels with {source.channels}")
        return ValueType(source.channels, source.scale, max(source.reach, other.reach))


def blend(op: Blend, source: Any, other: Any) -> Any:
    result = source * np.float32(1 - op.part) + other * np.float32(op.part)
    return result if op.offset is None else result + op.offset[:, None, None]


def define(result: Any, op: Blend, stages: plain.Plain, source: plain.Planes, other: plain.Planes) -> None:
    x, y, c = plain.X, plain.Y, plain.C
    value = source.planes[x, y, c] * np.float32(1 - op.part) + other.planes[x, y, c] * np.float32(op.part)
    result[x, y, c] = value if op.offset is None else value + stages.constants.buffer(op.offset)[c]


def program(offset: NDArray[np.float32] | None) -> Program:
    ops = (convolution(0, 4, 1, 3), convolution(0, 4, 1, 5, seed=1), Blend(1, 2, 0.25, offset), PixelShuffle(3, 2))
    return Program("blend", ops)


OFFSET = np.array([0.1, -0.1, 0.2, 0], np.float32)


@pytest.mark.parametrize("offset", [None, OFFSET], ids=["without", "with"])
def test_three_places_are_enough(
    offset: NDArray[np.float32] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "OPERATIONS", (*OPERATIONS, Blend))
    monkeypatch.setitem(reference.EVALUATE, Blend, blend)
    monkeypatch.setitem(plain.DEFINE, Blend, define)
    made = program(offset)
    assert (made.scale, made.halo, made.channels) == (2, 2, 1)
    moved = made.color.ops[3]
    assert isinstance(moved, Blend) and (moved.source, moved.other) == (2, 3)
    save(made, tmp_path / "x.safetensors")
    loaded = load(tmp_path / "x.safetensors")
    assert dump(loaded) == dump(made)
    assert "Blend(source=1, other=2, part=0.25" in dump(loaded)
    for color in (False, True):
        source = picture(9, 20, color, np.float32)
        wanted = reference.run(made, source)
        np.testing.assert_allclose(Compiled(loaded)(source), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Blend(1, 3, 0.25), r"operation 3 \(Blend\) reads value 3, which is not before it"),
        (Blend(1, 2, 1), r"operation 3 \(Blend\) of x: part must be a number with a fraction, got 1"),
        (Blend(1, 2, 0.5, OFFSET.astype(np.float64)), "offset must be float32, got float64"),
        (Blend(True, 2, 0.5), "source must be a whole number, got True"),
        (Blend(0, 2, 0.5), "cannot blend 4 channels with 1"),
    ],
)
def test_validation_follows_from_the_fields(op: Blend, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program("x", (convolution(0, 4, 1, 3), convolution(0, 4, 1, 3), op, PixelShuffle(3, 2)))


@pytest.mark.usefixtures("uncached")
def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    made, source = program(None), picture(3, 4, False, np.float32)
    with pytest.raises(ValueError, match=r"^Blend has no NumPy reference$"):
        reference.run(made, source)
    with pytest.raises(ValueError, match=r"^Blend has no pipeline$"):
        Compiled(made)(source)
    save(made, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="unknown operation 'Blend': the program was written by a newer thinlens"):
        load(tmp_path / "x.safetensors")


def test_every_operation_has_a_reference_and_a_pipeline() -> None:
    assert set(reference.EVALUATE) == {*plain.DEFINE, *COLOR_OPERATIONS} == set(OPERATIONS)


def test_the_arrays_of_the_caller_stay_theirs() -> None:
    weight = np.ones((4, 1, 3, 3), np.float32)
    op = Convolution(0, weight)
    Program("x", (op, PixelShuffle(1, 2)))
    assert weight.flags.writeable and op.weight is not weight and not op.weight.flags.writeable
    weight[:] = 7
    assert op.weight.max() == 1
