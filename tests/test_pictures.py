"""Pictures as people have them: the right values, in the layout and dtype that were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import thinlens
from thinlens.photo import Photo, read, write

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3)).astype(np.uint8)
GRAY = np.ascontiguousarray(RGB[..., 1])
LARGER = thinlens.upscale(RGB, model="fast")
LARGER_GRAY = thinlens.upscale(GRAY, model="fast")


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_byte_order(dtype: str) -> None:
    picture = (RGB.astype(np.uint16) * 257) if dtype == "uint16" else RGB.astype(np.float32) / 255
    swapped = picture.astype(picture.dtype.newbyteorder(">"))
    found = thinlens.upscale(swapped, model="fast")
    assert found.dtype == swapped.dtype
    np.testing.assert_array_equal(found, thinlens.upscale(picture, model="fast"))


def test_a_last_axis_of_one() -> None:
    found = thinlens.upscale(GRAY[..., None], model="fast")
    np.testing.assert_array_equal(found, LARGER_GRAY[..., None])
    same = thinlens.upscale(GRAY[..., None], 1, model="fast")
    np.testing.assert_array_equal(same, GRAY[..., None])
    assert not np.may_share_memory(same, GRAY)
    assert thinlens.enhance(GRAY[..., None]).shape == (12, 17, 1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 0), (np.float16, 1e-3)])
def test_other_floats_go_through_float32(dtype: Any, tolerance: float) -> None:
    picture = (RGB / 255).astype(dtype)
    found = thinlens.upscale(picture, 2.5, model="fast")
    assert found.dtype == dtype
    expected = thinlens.upscale(picture.astype(np.float32), 2.5, model="fast")
    np.testing.assert_allclose(found.astype(np.float32), expected, atol=tolerance)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1)])
def test_masks(shape: tuple[int, ...]) -> None:
    mask = np.zeros(shape, bool)
    mask[5:12, 8:20] = True
    found = thinlens.upscale(mask, model="fast")
    assert found.dtype == np.bool_
    expected = np.repeat(np.repeat(mask, 2, axis=0), 2, axis=1)
    assert found.shape == expected.shape
    assert (found != expected).sum() <= 8  # corners
    with pytest.raises(TypeError, match="^a mask has no colors to enhance"):
        thinlens.enhance(mask)


@pytest.mark.parametrize("scale", [1, 2.5, 0.5])
@pytest.mark.parametrize("colors", [RGB, GRAY], ids=["rgb", "gray"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparency_as_in_files(tmp_path: Path, colors: Any, dtype: Any, scale: float) -> None:
    factor = np.iinfo(dtype).max // 255
    alpha = np.zeros(GRAY.shape, dtype)
    alpha[:, 5:], alpha[:, 9:] = 100 * factor, 255 * factor
    pixels = colors.astype(dtype) * dtype(factor)
    found = thinlens.upscale(np.dstack([pixels, alpha]), scale, "fast")
    assert found.dtype == dtype
    write(Photo(pixels, alpha), tmp_path / "low.png")
    thinlens.upscale_file(tmp_path / "low.png", tmp_path / "high.png", scale=scale, model="fast", source="clean")
    expected = read(tmp_path / "high.png")
    assert expected.alpha is not None
    np.testing.assert_array_equal(found, np.dstack([expected.pixels, expected.alpha]))


@pytest.mark.parametrize("scale", [2, 2.5])
@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_hidden_colors_leave_no_fringe_in_floats(hidden: float, scale: float) -> None:
    picture = np.full((16, 16, 4), 0.5, np.float32)
    picture[..., 3] = 1
    picture[:, :8] = (hidden, hidden, hidden, 0)
    found = thinlens.upscale(picture, scale, "fast")
    assert found.dtype == np.float32
    assert (found[:, int(8.5 * scale) :, 3] > 0.02).all()
    assert (found[:, : int(6 * scale), 3] < 0.02).all()
    opaque = thinlens.upscale(np.full((16, 16, 3), 0.5, np.float32), scale, "fast")  # not quite even along its border
    np.testing.assert_allclose((found[..., :3] - opaque) * found[..., 3:], 0, atol=0.01)


def test_enhance_leaves_alpha() -> None:
    alpha = np.arange(GRAY.size, dtype=np.uint8).reshape(GRAY.shape)
    found = thinlens.enhance(np.dstack([RGB, alpha]))
    np.testing.assert_array_equal(found[..., 3], alpha)
    np.testing.assert_array_equal(found[..., :3], thinlens.enhance(RGB))


def test_pil_images() -> None:
    image = Image.fromarray(RGB)
    np.testing.assert_array_equal(thinlens.upscale(image, model="fast"), LARGER)
    np.testing.assert_array_equal(thinlens.upscale(Image.fromarray(GRAY), model="fast"), LARGER_GRAY)
    assert thinlens.upscale(image.convert("RGBA"), model="fast").shape == (24, 34, 4)
    assert thinlens.upscale(image.convert("LA"), model="fast").shape == (24, 34, 2)
    assert thinlens.upscale(image.convert("1"), model="fast").dtype == np.bool_
    wide = Image.fromarray(GRAY.astype(np.uint16) * 257)
    assert wide.mode == "I;16"
    assert thinlens.upscale(wide, model="fast").dtype == np.uint16


@pytest.mark.parametrize(
    ("mode", "call"), [("CMYK", "RGB"), ("YCbCr", "RGB"), ("P", "RGB"), ("HSV", "RGB"), ("RGBa", "RGBA"), ("I", "I;16")]
)
def test_pil_images_that_are_no_pictures_as_arrays(mode: str, call: str) -> None:
    image = Image.fromarray(GRAY).convert("I") if mode == "I" else Image.fromarray(RGB).convert("RGBA").convert(mode)
    with pytest.raises(TypeError) as caught:
        thinlens.upscale(image)
    assert str(caught.value) == f"a PIL image of mode {mode} does not hold its colors: give picture.convert({call!r})"
    assert thinlens.upscale(image.convert(call), model="fast").shape[:2] == (24, 34)


def test_palettes_with_transparency() -> None:
    image = Image.fromarray(RGB).convert("P")
    image.info["transparency"] = 3
    with pytest.raises(TypeError, match=r"give picture.convert\('RGBA'\)$"):
        thinlens.upscale(image)


def test_tensors() -> None:
    tensor = torch.from_numpy(RGB)
    np.testing.assert_array_equal(thinlens.upscale(tensor, model="fast"), LARGER)
    np.testing.assert_array_equal(thinlens.upscale(tensor.permute(1, 0, 2).permute(1, 0, 2), model="fast"), LARGER)
    with pytest.raises(ValueError) as caught:
        thinlens.upscale(tensor.permute(2, 0, 1))
    assert str(caught.value) == (
        "a picture has its channels last, got shape (3, 12, 17): give picture.permute(1, 2, 0)"
    )
    with pytest.raises(TypeError, match=r"^this Tensor does not give its pixels as an array: .*detach\(\)"):
        thinlens.upscale((tensor / 255).requires_grad_())


class OnlyDLPack:
    """What offers no more than that."""

    def __dlpack__(self, **_: Any) -> Any:
        return torch.from_numpy(RGB).__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def test_dlpack() -> None:
    np.testing.assert_array_equal(thinlens.upscale(OnlyDLPack(), model="fast"), LARGER)


def test_compiled_models_refuse_what_they_would_get_wrong() -> None:
    compiled = thinlens.compile("fast")
    assert compiled is thinlens.compile(thinlens.load("fast"))
    np.testing.assert_array_equal(compiled(RGB), LARGER)
    with pytest.raises(ValueError, match=r"^a float picture has values from 0 to 1, got 200 to 200: divide it by"):
        compiled(np.full((8, 8), 200, np.float32))
    with pytest.raises(TypeError, match=r"^a picture must be a NumPy array, got Image: give np.asarray\(picture\)$"):
        compiled(Image.fromarray(RGB))


def test_results_may_be_enlarged_again() -> None:
    """A float result may leave [0, 1] a little."""
    edge = np.zeros((16, 16), np.float32)
    edge[:, 8:] = 1
    once = thinlens.upscale(edge, model="fast")
    assert once.min() < 0 or once.max() > 1
    assert thinlens.upscale(once, 4, "fast").shape == (128, 128)


@pytest.mark.parametrize("scale", [2, 2.0, np.float32(2), np.int64(2)])
def test_scales_of_any_type(scale: Any) -> None:
    assert thinlens.load("fast", scale=scale).scale == 2
    np.testing.assert_array_equal(thinlens.upscale(RGB, scale, "fast"), LARGER)


def test_what_is_no_scale_or_model() -> None:
    for call in (thinlens.load, lambda model, scale: thinlens.upscale(RGB, scale, model)):
        with pytest.raises(TypeError, match="^the scale must be a number, not '2'$"):
            call("fast", "2")
    with pytest.raises(ValueError, match=r"^the scale must be a whole number, not 2\.5$"):
        thinlens.load("fast", 2.5)
    with pytest.raises(TypeError, match="^a model is a name, a program file or a Program, got int$"):
        thinlens.compile(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^size is a width and a height, as \(1920, 1080\), not '9x9'$"):
        thinlens.upscale_file("photo.png", "large.png", size="9x9")  # type: ignore[arg-type]


def test_models_in_any_case_and_close_to_known_ones() -> None:
    assert thinlens.load("Best") is thinlens.load("best")
    assert thinlens.load("esr-max_s2_k3_c2") is thinlens.load("fast")
    with pytest.raises(ValueError, match="^eSR-MAX_s2_K3_C2 enlarges 2 times, not 3; take eSR-MAX_s3_K3_C2$"):
        thinlens.load("eSR-MAX_s2_K3_C2", 3)
    with pytest.raises(ValueError, match=r"^unknown model 'ECBSR_s5_M2_C8'; did you mean ECBSR_s\d_M2_C8\?; there are"):
        thinlens.load("ECBSR_s5_M2_C8")


def test_enhancing_a_file(tmp_path: Path) -> None:
    write(Photo(RGB), tmp_path / "photo.png")
    thinlens.enhance_file(tmp_path / "photo.png", tmp_path / "better.png")
    np.testing.assert_array_equal(read(tmp_path / "better.png").pixels, thinlens.enhance(RGB))
