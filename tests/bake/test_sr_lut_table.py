"""Published SR-LUT tables: what they say of themselves, and pictures as the authors describe them."""

from __future__ import annotations

from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thinlens import bake, conversion
from thinlens.kernels import Compiled
from thinlens.program import load, reference


def table(rows: int, *shape: int) -> Any:
    return np.random.default_rng(rows).integers(-40, 60, (rows, *shape), np.int8)


def simplex(rows: Any, pixels: list[int]) -> Any:
    """The mean of the corners of the simplex: of all orders of the axes, the one by falling remainders."""
    cube = rows.reshape(17, 17, 17, 17, -1).astype(float)
    high, low = [p // 16 for p in pixels], [p % 16 for p in pixels]
    order = next(o for o in permutations(range(4)) if all(low[a] >= low[b] for a, b in pairwise(o)))
    corner, before, total = list(high), 16, 0
    for axis in (*order, None):
        after = 0 if axis is None else low[axis]
        total = total + (before - after) / 16 * cube[tuple(corner)]
        if axis is not None:
            corner[axis] += 1
        before = after
    return total


def expected(rows: Any, picture: Any, kind: str, scale: int) -> Any:
    """Turned, padded by reflection below and right, looked up pixel by pixel, turned back, added; 127 is white."""
    total: Any = 0
    for turns in range(4):
        turned = np.rot90(picture, turns).astype(int)
        padded = np.pad(turned, ((0, 1), (0, 1)), mode="reflect")
        height, width = turned.shape
        result = np.zeros((height, scale, width, scale))
        for y, x in np.ndindex(height, width):
            if kind == "S":
                values = simplex(rows, [padded[y, x], padded[y, x + 1], padded[y + 1, x], padded[y + 1, x + 1]])
            else:
                values = rows[padded[y, x] * 256 + padded[y, x + 1]]
            result[y, :, x] = values.reshape(scale, scale)
        total = total + np.rot90(result.reshape(height * scale, width * scale), -turns)
    return np.clip(total / 127, 0, 1) * 255


@pytest.mark.parametrize(("kind", "scale", "rows"), [("S", 4, 17**4), ("S", 2, 17**4), ("V", 3, 256**2)])
def test_pictures_are_those_of_the_description(kind: str, scale: int, rows: int) -> None:
    values = table(rows, scale**2)
    made = bake.from_sr_lut(values, f"Model_{kind}_x{scale}_int8")
    assert made.name == f"SR-LUT-{kind}_s{scale}" and made.scale == scale
    picture = np.random.default_rng(1).integers(0, 256, (6, 9), np.uint8)
    wanted = expected(values, picture, kind, scale)
    assert np.abs(reference.run(made, picture) - wanted).max() <= 0.51
    np.testing.assert_array_equal(Compiled(made)(picture), reference.run(made, picture))


def test_shapes_that_are_one() -> None:
    values = table(17**4, 16)
    assert bake.from_sr_lut(values.reshape(-1, 1, 4, 4), "a").name == "SR-LUT-S_s4"
    assert bake.from_sr_lut(values.reshape(17, 17, 17, 17, 16), "a").name == "SR-LUT-S_s4"
    full = table(257**2, 4)
    op: Any = bake.from_sr_lut(full, "b").ops[0]
    np.testing.assert_array_equal(op.table[0].reshape(256, 256, 4), full.reshape(257, 257, 4)[:256, :256])


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        (table(17**4, 16).astype(np.float32), "a", "^a holds float32, not the int8"),
        (table(17**4, 15), "a", r"^a has the shape \(83521, 15\): an SR-LUT table has 17⁴, 256² or 257² rows"),
        (table(17**4, 16)[:-1], "a", "^a has the shape"),
        (table(16, 17**4), "a", "^a has the shape"),
        (np.zeros((), np.int8), "a", r"^a has the shape \(\)"),
        (table(17**4, 16), "Model_S_x2_4bit_int8", "says SR-LUT-S ×2, its shape SR-LUT-S ×4: one of them is wrong"),
        (table(17**4, 4), "Model_V_x2_8bit_int8", "says SR-LUT-V ×2, its shape SR-LUT-S ×2"),
    ],
)
def test_what_is_no_table_is_refused(values: Any, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bake.from_sr_lut(values, name)


def test_files(tmp_path: Path) -> None:
    file, target = tmp_path / "Model_V_x2_8bit_int8.npy", tmp_path / "table.safetensors"
    np.save(file, table(256**2, 4))
    made = conversion.convert(file, target)
    assert load(target).name == "SR-LUT-V_s2" and made.provenance == {"published": file.name}
    with pytest.raises(ValueError, match="there is nothing to quantize"):
        conversion.convert(file, target, quantize=tmp_path)
    target.unlink()
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ValueError, match="is not a NumPy file of numbers, or is damaged"):
        conversion.convert(file, target)
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="is not a NumPy file of numbers, or is damaged"):
        conversion.convert(file, target)
    assert not target.exists()
