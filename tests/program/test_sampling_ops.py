"""Point sampling: by hand, against torch, its halo, in bands; programs of feature maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from equivalence.tolerances import FLOAT
from programs import convolution
from thinlens.kernels import Compiled, compile
from thinlens.program import (
    Activation,
    Add,
    Convolution,
    Multiply,
    Operation,
    PixelShuffle,
    PointSample,
    Program,
    Slice,
    dump,
    load,
    reference,
    save,
)


def sampling(channels: int, groups: int, scale: int, bound: float) -> Program:
    """The operation alone: a picture of features and, as further channels, their offsets before the pixel shuffle."""
    whole = channels + 2 * groups * scale**2
    ops = (
        Slice(0, whole, 0, channels),
        Slice(0, whole, channels, whole),
        PixelShuffle(2, scale),
        PointSample(1, 3, groups, scale, bound),
    )
    return Program(f"sampling_s{scale}_G{groups}", ops)


def features(program: Program, height: int, width: int, spread: float, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, spread, (height, width, program.channels)).astype(np.float32)


def test_by_hand() -> None:
    """A row of 0, 10, 30 and 60 once enlarged: at its own places, half a pixel to the right, and beyond both ends."""
    source = np.array([[[0, 10, 30, 60]]], np.float32)

    def sample(x: float, bound: float = 9.0) -> list[float]:
        offsets = np.zeros((2, 1, 4), np.float32)
        offsets[0] = x
        return reference.point_sample(PointSample(0, 1, 1, 1, bound), source, offsets)[0, 0].tolist()

    assert sample(0) == [0, 10, 30, 60]
    assert sample(0.5) == [5, 20, 45, 60]
    assert sample(-1.25) == [0, 0, 7.5, 25]
    assert sample(-9) == [0, 0, 0, 0] and sample(9) == [60, 60, 60, 60]
    assert sample(8, bound=1.0) == sample(1) == [10, 30, 60, 60]


def test_rows_by_hand_and_groups_apart() -> None:
    """Two channels of one column, 0 and 8 below each other; the first is read a quarter below, the second above."""
    source = np.array([[[0], [8]], [[0], [8]]], np.float32)
    offsets = np.zeros((4, 2, 1), np.float32)
    offsets[2], offsets[3] = 0.25, -0.25
    found = reference.point_sample(PointSample(0, 1, 2, 1, 1.0), source, offsets)
    assert found[:, :, 0].tolist() == [[2, 8], [0, 6]]


def test_without_offsets_twice_as_large_is_bilinear_interpolation() -> None:
    source = np.array([[[0, 16]]], np.float32)
    found = reference.point_sample(PointSample(0, 1, 1, 2, 0.0), source, np.full((2, 2, 4), 5, np.float32))
    assert found[0].tolist() == [[0, 4, 12, 16]] * 2


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("groups", [1, 4])
def test_against_torch(scale: int, groups: int) -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(1)
    source = random.random((8, 5, 7), np.float32)
    offsets = random.normal(0, 3, (2 * groups, 5 * scale, 7 * scale)).astype(np.float32)
    found = reference.point_sample(PointSample(0, 1, groups, scale, 100.0), source, offsets)
    x = (offsets[:groups] + (np.arange(7 * scale) + 0.5) / scale) * 2 / 7 - 1
    y = (offsets[groups:] + ((np.arange(5 * scale) + 0.5) / scale)[:, None]) * 2 / 5 - 1
    grid = torch.from_numpy(np.stack([x, y], -1).astype(np.float32))
    planes = torch.from_numpy(source.reshape(groups, -1, 5, 7))
    wanted = torch.nn.functional.grid_sample(planes, grid, "bilinear", "border", align_corners=False)
    np.testing.assert_allclose(found, wanted.numpy().reshape(found.shape), atol=5e-6)


def test_the_other_operations() -> None:
    first, second = (np.full((2, 1, 1), value, np.float32) for value in (3, -2))
    assert reference.evaluate(Multiply(0, 1), [first, second])[:, 0, 0].tolist() == [-6, -6]
    source = np.arange(4, dtype=np.float32)[:, None, None]
    assert reference.evaluate(Slice(0, 4, 1, 3), [source])[:, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("scale", "bound", "halo"),
    [(1, 0.0, 0), (1, 1.0, 1), (2, 0.0, 1), (2, 0.75, 1), (2, 1.0, 2), (4, 2.5, 3), (3, 4.0, 5)],
)
def test_the_halo_follows_from_the_bound(scale: int, bound: float, halo: int) -> None:
    """And is what it says: a pixel farther away changes nothing, one as far away may."""
    program = sampling(2, 1, scale, bound)
    assert program.halo == halo
    size = 2 * halo + 5
    source = np.zeros((size, size, program.channels), np.float32)
    source[..., 2:] = np.random.default_rng(0).choice([-50, 50], (size, size, program.channels - 2))
    before = reference.run(program, source)
    source[halo + 2, halo + 2, :2] = 1
    changed = np.argwhere((reference.run(program, source) != before)[..., 0]) // scale
    assert len(changed) == 0 or np.abs(changed - (halo + 2)).max() <= halo


def test_the_halo_is_in_pixels_of_the_picture() -> None:
    ops = (
        convolution(0, 4, 1, 3),
        PixelShuffle(1, 2),
        convolution(2, 2, 1, 1),
        PointSample(2, 3, 1, 1, 3.0),
    )
    program = Program("after", (*ops, convolution(4, 4, 1, 1), PixelShuffle(5, 2)))
    assert (program.scale, program.halo, program.channels) == (4, 3, 1)  # 1 + 3 / 2, rounded up


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (PointSample(0, 1, 1, 2, 1.0), "needs offsets of 2 channels × 2, got 2 channels × 1"),
        (PointSample(0, 1, 2, 1, 1.0), "needs offsets of 4 channels × 1, got 2 channels × 1"),
        (PointSample(0, 1, 3, 1, 1.0), "4 channels are not 3 equal groups"),
        (PointSample(0, 1, 0, 1, 1.0), "groups and scale must be at least 1, got 0 and 1"),
        (PointSample(0, 1, 1, 1, -1.0), "bound must be a number from 0 on, got -1.0"),
        (PointSample(0, 1, 1, 1, float("inf")), "bound must be a number from 0 on, got inf"),
        (PointSample(0, 1, 1, 1, 1), "bound must be a number with a fraction, got 1"),
        (Multiply(0, 1), "cannot multiply 4 channels × 1 by 2 channels × 1"),
        (Slice(0, 5, 0, 1), "takes 5 channels, its source has 4|takes 4 channels, its source has 5"),
        (Slice(0, 4, 2, 2), "channels 2 to 2 - 1 are not among 4"),
        (Slice(0, 4, 0, 5), "channels 0 to 5 - 1 are not among 4"),
    ],
)
def test_refusals(op: Operation, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program("x", (Convolution(0, np.ones((2, 4, 1, 1), np.float32)), op))


def programs() -> list[Program]:
    """Sampling alone, of what was shuffled before, gated, and in a program of pictures."""
    gated = (
        *(convolution(0, 8, 3, 1), Activation(1, "sigmoid"), convolution(0, 8, 3, 1, bias=True, seed=2)),
        *(Multiply(3, 2), PixelShuffle(4, 2), PointSample(0, 5, 1, 2, 1.5)),
    )
    of_luma = (
        *(convolution(0, 8, 1, 3), convolution(1, 32, 8, 3, "edge"), PixelShuffle(2, 2)),
        *(PointSample(1, 3, 4, 2, 2.0), convolution(4, 1, 8, 3)),
        *(convolution(0, 4, 1, 1), PixelShuffle(6, 2), Add(5, 7)),
    )
    return [
        sampling(8, 1, 2, 3.0),
        sampling(8, 4, 3, 0.7),
        sampling(16, 2, 1, 9.0),
        Program("gated", gated),
        Program("luma", of_luma),
    ]


def picture_of(program: Program, height: int, width: int) -> NDArray[np.float32]:
    source = features(program, height, width, 1.5)
    if program.channels in (1, 3):  # a picture, whose values are from 0 to 1
        source = np.abs(source) % 1
    return source[..., 0] if program.channels == 1 else source


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_pipelines_equal_the_reference(program: Program) -> None:
    compiled = Compiled(program)
    for height, width in ((1, 1), (2, 9), (23, 37)):
        source = picture_of(program, height, width)
        wanted = reference.run(program, source)
        for threads in (1, 2):
            np.testing.assert_allclose(compiled(source, threads=threads), wanted, atol=FLOAT, rtol=FLOAT)


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_in_bands_as_in_one_piece(program: Program) -> None:
    compiled, source = Compiled(program), picture_of(program, 40, 21)
    whole, s, halo = compiled(source), program.scale, program.halo
    for start in range(0, 40, 10):
        top, bottom = max(start - halo, 0), min(start + 10 + halo, 40)
        band = compiled(np.ascontiguousarray(source[top:bottom]))
        np.testing.assert_array_equal(
            band[(start - top) * s : (start - top + 10) * s], whole[start * s : (start + 10) * s]
        )


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_onnx_equals_the_reference(program: Program) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from thinlens.export import onnx_model

    for size in (None, (9, 5)):
        session = onnxruntime.InferenceSession(onnx_model.model(program, size).SerializeToString())
        for height, width in ((5, 9),) if size else ((1, 1), (13, 22)):
            source = picture_of(program, height, width)
            planes = source[None] if source.ndim == 2 else np.moveaxis(source, -1, 0)
            (result,) = session.run(None, {"picture": np.ascontiguousarray(planes[None])})
            wanted = reference.run(program, source)
            wanted = wanted[None] if source.ndim == 2 else np.moveaxis(wanted, -1, 0)
            np.testing.assert_allclose(result[0], wanted, atol=2e-5, rtol=FLOAT)


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_torch_equals_the_reference(program: Program) -> None:
    torch = pytest.importorskip("torch")
    from thinlens.evaluation.peers import TORCH

    source = picture_of(program, 6, 7)
    planes = source[None] if source.ndim == 2 else np.moveaxis(source, -1, 0)
    values: list[Any] = [torch.from_numpy(np.ascontiguousarray(planes[None]))]
    for op in program.ops:
        values.append(TORCH[type(op)](torch, op)(*(values[number] for number in op.operands())))
    wanted = reference.run(program, source)
    wanted = wanted[None] if source.ndim == 2 else np.moveaxis(wanted, -1, 0)
    np.testing.assert_allclose(values[-1][0].numpy(), wanted, atol=2e-5, rtol=FLOAT)


def test_files_and_text(tmp_path: Path) -> None:
    program = sampling(8, 4, 2, 1.5)
    save(program, tmp_path / "x.safetensors")
    assert dump(load(tmp_path / "x.safetensors")) == dump(program)
    assert "4 = PointSample(source=1, offsets=3, groups=4, scale=2, bound=1.5) → 8 × 2" in dump(program)
    assert dump(program).startswith("sampling_s2_G4: 40 channels, ×2, halo 2")


def test_feature_maps_in_the_place_of_pictures() -> None:
    program = sampling(6, 1, 2, 1.0)
    assert (program.channels, program.takes_features, program.color) == (14, True, program)
    compiled, source = compile(program), features(program, 4, 5, 1)
    assert compiled(source).shape == (8, 10, 6)
    out = np.empty((8, 10, 6), np.float32)
    assert compiled(source, out) is out
    np.testing.assert_array_equal(out, compiled(np.asfortranarray(source)))
    for wrong, message in (
        (source[..., :13], r"takes \(H, W, 14\) float32 feature maps, got 13 channels of float32"),
        (source[..., 0], r"feature maps must be \(H, W, C\)"),
        (source * np.float32("nan"), "feature maps must not hold NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            compiled(wrong)
    with pytest.raises(ValueError, match="got 14 channels of uint8"):
        compiled(source.astype(np.uint8))


def test_a_program_of_feature_maps_enlarges_no_photo() -> None:
    import thinlens

    with pytest.raises(ValueError, match=r"takes \(H, W, 14\) float32 feature maps, got 3 channels of uint8"):
        thinlens.upscale(np.zeros((4, 4, 3), np.uint8), 2, sampling(6, 1, 2, 1.0))
