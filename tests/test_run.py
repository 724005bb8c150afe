"""The way of a picture through the public calls; the arithmetic itself is tested with the pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thinlens
from thinlens import models, run
from thinlens.photo import Metadata, Photo, read, resize, write
from thinlens.program import Convolution, PixelShuffle, Program, ReduceMax, reference, save
from thinlens.sizes import Plan


def tiny(scale: int = 2, name: str = "tiny") -> Program:
    """A small network with random weights that keeps flat areas roughly what they are."""
    weight = np.random.default_rng(scale).normal(0, 0.05, (2 * scale**2, 1, 3, 3))
    weight[:, 0, 1, 1] += 1 - weight.sum(axis=(1, 2, 3))
    ops = (Convolution(0, weight.astype(np.float32), padding="edge"), PixelShuffle(1, scale), ReduceMax(2))
    return Program(name, ops)


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture
def program_file(tmp_path: Path) -> Path:
    save(tiny(), tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


@pytest.mark.parametrize("shape", [(1, 1), (9, 14), (1, 1, 3), (9, 14, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_upscale_is_what_the_program_says(shape: tuple[int, ...], dtype: type) -> None:
    low = picture(*shape).astype(dtype)
    if dtype == np.float32:
        low /= 255
    found = thinlens.upscale(low, scale=2, model=tiny())
    expected = reference.run(tiny(), low)
    assert found.dtype == dtype
    assert found.shape == (2 * shape[0], 2 * shape[1], *shape[2:])
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=1e-5 if dtype == np.float32 else 1)


@pytest.mark.parametrize("shape", [(1, 1), (9, 14), (20, 15, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("scale", [1.0, 1.4, 2.0, 2.5, 7, 16])
def test_any_scale(shape: tuple[int, ...], dtype: type, scale: float) -> None:
    low = picture(*shape).astype(dtype)
    if dtype == np.float32:
        low /= 255
    before = low.copy()
    found = thinlens.upscale(low, scale, tiny())
    assert found.dtype == dtype
    assert found.shape == (int(shape[0] * scale + 0.5), int(shape[1] * scale + 0.5), *shape[2:])
    assert not np.may_share_memory(found, low)
    np.testing.assert_array_equal(low, before)


def test_scales_are_chains_of_models_and_a_resize() -> None:
    low = picture(30, 20, 3)
    once = thinlens.upscale(low, 2, tiny())
    np.testing.assert_array_equal(thinlens.upscale(low, 4, tiny()), thinlens.upscale(once, 2, tiny()))
    np.testing.assert_array_equal(thinlens.upscale(low, 1.5, tiny()), resize(once, (30, 45)))
    np.testing.assert_array_equal(thinlens.upscale(low, 1, tiny()), low)


@pytest.mark.parametrize("model", list(models.PRESETS))
def test_presets_take_any_scale(model: str) -> None:
    smooth = np.add.outer(np.arange(40), 2 * np.arange(30)).astype(np.uint8) + np.uint8(60)
    for scale in (1.5, 3.3, 6):
        found = thinlens.upscale(smooth, scale, model)
        expected = resize(smooth, (round(30 * scale), round(40 * scale)))
        assert np.abs(found.astype(int) - expected)[10:-10, 10:-10].max() <= 4


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        ({"scale": 2.5}, (15, 20)),
        ({"size": (40, 20)}, (40, 20)),
        ({"width": 17}, (17, 23)),
        ({"height": 24}, (18, 24)),
        ({"width": 20, "height": 24}, (20, 24)),
        ({"fit": (24, 24)}, (18, 24)),
        ({"long_side": 5}, (4, 5)),
        ({"scale": 1}, (6, 8)),
        ({"scale": 0.5}, (3, 4)),
    ],
)
def test_files_of_exact_sizes(tmp_path: Path, program_file: Path, wish: dict[str, Any], size: tuple[int, int]) -> None:
    write(Photo(picture(8, 6, 3), picture(8, 6)), tmp_path / "low.png")
    done = run.upscale_file(tmp_path / "low.png", tmp_path / "high.png", model=program_file, **wish)
    assert done.plan.size == size
    found = read(tmp_path / "high.png")
    assert found.pixels.shape == (size[1], size[0], 3)
    assert found.alpha is not None
    assert found.alpha.shape == (size[1], size[0])


@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
@pytest.mark.parametrize("level", [0, 255])
def test_the_smallest_photo_with_alpha(tmp_path: Path, channels: tuple[int, ...], level: int) -> None:
    write(Photo(picture(1, 1, *channels), np.full((1, 1), level, np.uint8)), tmp_path / "low.png")
    run.upscale_file(tmp_path / "low.png", tmp_path / "high.png", model=tiny(), scale=2.5)
    found = read(tmp_path / "high.png")
    assert found.pixels.shape == (3, 3, *channels)
    assert found.alpha is not None
    assert (found.alpha == level).all()


def test_read_only_pictures_serve() -> None:
    low = picture(6, 7, 3)
    low.setflags(write=False)
    assert thinlens.upscale(low, model=tiny()).shape == (12, 14, 3)


def test_presets_and_ids_are_released_models() -> None:
    for preset, identifier in models.PRESETS.items():
        for scale in models.SCALES:
            loaded = thinlens.load(preset, scale)
            assert (loaded.name, loaded.scale) == (identifier.format(scale=scale), scale)
            assert thinlens.load(loaded.name) is loaded
    assert thinlens.load().name == models.PRESETS["balanced"].format(scale=2)
    known = {*models.names(), models.ENHANCE, *models.CLEANERS.values()}
    released = {models.path(name, source=source) for name in known for source in models.sources(name)}
    assert released == set(Path(models.__file__).parent.glob("*.safetensors"))
    assert all("clean" in models.sources(name) for name in known - {*models.CLEANERS.values()})


def test_load_reads_a_file_once_and_again_when_it_changes(program_file: Path) -> None:
    first = thinlens.load(program_file)
    assert thinlens.load(str(program_file), 2) is first
    assert run.compile(first) is run.compile(thinlens.load(program_file))
    save(tiny(3, "changed"), program_file)
    assert thinlens.load(program_file).scale == 3


def test_a_program_is_its_own_model() -> None:
    program = tiny()
    assert thinlens.load(program) is program


def test_a_loaded_model_has_one_scale(program_file: Path) -> None:
    message = "tiny enlarges 2 times, not 3; leave the scale out or change it"
    for model in (tiny(), program_file):
        with pytest.raises(ValueError) as caught:
            thinlens.load(model, 3)
        assert str(caught.value) == message
    with pytest.raises(ValueError) as caught:
        thinlens.load("fast", 5)
    assert str(caught.value) == "fast enlarges 2, 3 or 4 times, not 5"


def test_opaque_photos_look_the_same_with_and_without_alpha() -> None:
    pixels = picture(12, 10, 3)
    plain = run.upscale_photo(Photo(pixels), Plan((2,), (20, 24)), tiny())
    opaque = run.upscale_photo(Photo(pixels, np.full((12, 10), 255, np.uint8)), Plan((2,), (20, 24)), tiny())
    assert plain.alpha is None
    assert opaque.alpha is not None
    assert (opaque.alpha == 255).all()
    np.testing.assert_array_equal(opaque.pixels, plain.pixels)


@pytest.mark.parametrize("hidden", [0, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_color_of_transparent_pixels_leaves_no_fringe(hidden: int, dtype: type) -> None:
    factor = np.iinfo(dtype).max // 255
    pixels, alpha = np.full((16, 16, 3), 128, dtype) * factor, np.full((16, 16), 255, dtype) * factor
    alpha[:, :8], pixels[:, :8] = 0, hidden * factor
    larger = run.upscale_photo(Photo(pixels, alpha), Plan((2,), (32, 32)), tiny())
    assert larger.alpha is not None
    visible = larger.alpha > 0
    assert visible[:, 16:].all()
    assert not visible[:, :12].any()
    expected = run.upscale_photo(Photo(np.full_like(pixels, 128 * factor)), Plan((2,), (32, 32)), tiny())
    np.testing.assert_array_equal(larger.pixels[visible], expected.pixels[visible])


def test_a_photo_file_keeps_depth_alpha_and_metadata(tmp_path: Path, program_file: Path) -> None:
    pixels = picture(8, 6, 3).astype(np.uint16) * 257
    metadata = Metadata(xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")
    write(Photo(pixels, np.full((8, 6), 65535, np.uint16), metadata, (10, 10)), tmp_path / "low.png")
    run.upscale_file(tmp_path / "low.png", tmp_path / "high.tif", model=program_file)
    found = read(tmp_path / "high.tif")
    assert found.pixels.dtype == np.uint16
    assert found.pixels.shape == (16, 12, 3)
    assert found.alpha is not None
    assert found.metadata == metadata
    assert found.resolution == pytest.approx((10, 10), rel=1e-3)
