"""Photo files keep what they hold, whatever format they go through."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from thinlens.photo import Photo, UnfinishedError, open_photo, read, write
from thinlens.photo.formats import NAMES

LOSSLESS = (".png", ".tif")
FORMATS = (".jpg", ".png", ".webp", ".tif")


def samples(seed: int, *shape: int, dtype: type = np.uint8) -> NDArray[Any]:
    """`shape` numbers over the full range of the dtype."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def smooth(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    """`(H, W, 3)` uint8 without detail, which lossy formats keep almost as it is."""
    y, x = np.mgrid[:height, :width]
    return np.dstack([40 + 3 * x, 30 + 4 * y, 200 - 2 * x]).astype(np.uint8)


def save(image: pyvips.Image, path: Path, **options: Any) -> Path:
    """Write by libvips as other programs do, without thinlens."""
    {".jpg": image.jpegsave, ".png": image.pngsave, ".webp": image.webpsave, ".tif": image.tiffsave}[path.suffix](
        str(path), **options
    )
    return path


def color(pixels: NDArray[Any]) -> pyvips.Image:
    kind = {(2, 1): "b-w", (3, 1): "srgb", (2, 2): "grey16", (3, 2): "rgb16"}[pixels.ndim, pixels.itemsize]
    return pyvips.Image.new_from_array(pixels, interpretation=kind)


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "rgb"])
@pytest.mark.parametrize("transparent", [False, True])
def test_lossless_formats_keep_every_sample(
    tmp_path: Path, suffix: str, dtype: type, channels: tuple[int, ...], transparent: bool
) -> None:
    pixels = samples(1, 7, 5, *channels, dtype=dtype)
    alpha = samples(2, 7, 5, dtype=dtype) if transparent else None
    write(Photo(pixels, alpha), tmp_path / f"photo{suffix}")
    found = read(tmp_path / f"photo{suffix}")
    np.testing.assert_array_equal(found.pixels, pixels, strict=True)
    if alpha is None:
        assert found.alpha is None
    else:
        assert found.alpha is not None
        np.testing.assert_array_equal(found.alpha, alpha, strict=True)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_are_close_and_round_16_bits(tmp_path: Path, suffix: str) -> None:
    write(Photo(smooth().astype(np.uint16) * 257), tmp_path / f"photo{suffix}")
    found = read(tmp_path / f"photo{suffix}").pixels
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - smooth()).mean() < 1.5


def test_jpeg_is_not_subsampled(tmp_path: Path) -> None:
    write(Photo(smooth()), tmp_path / "photo.jpg")
    image = pyvips.Image.new_from_file(str(tmp_path / "photo.jpg"))
    assert image.get("jpeg-chroma-subsample") == "4:4:4"


def test_gray_jpeg_stays_gray(tmp_path: Path) -> None:
    write(Photo(smooth()[..., 0]), tmp_path / "photo.jpg")
    assert read(tmp_path / "photo.jpg").pixels.shape == (40, 60)


def test_jpeg_lays_transparent_photos_on_white(tmp_path: Path) -> None:
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:, :32] = 0
    write(Photo(np.zeros((40, 60, 3), np.uint8), alpha), tmp_path / "photo.jpg")
    found = read(tmp_path / "photo.jpg")
    assert found.alpha is None
    assert found.pixels[:, :24].min() > 250
    assert found.pixels[:, 40:].max() < 5


def test_webp_keeps_transparency(tmp_path: Path) -> None:
    alpha = samples(3, 40, 60)
    write(Photo(smooth(), alpha), tmp_path / "photo.webp")
    found = read(tmp_path / "photo.webp").alpha
    assert found is not None
    np.testing.assert_array_equal(found, alpha)


def test_palette_becomes_color(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8).repeat(8, 0).repeat(8, 1)
    found = read(save(color(pixels), tmp_path / "photo.png", palette=True))
    assert found.pixels.shape == (16, 16, 3)
    assert np.abs(found.pixels.astype(int) - pixels).max() <= 8


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    pixels = (samples(4, 8, 8) > 127).astype(np.uint8) * 255
    found = read(save(color(pixels), tmp_path / "photo.tif", bitdepth=1))
    np.testing.assert_array_equal(found.pixels, pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_srgb_by_its_profile(tmp_path: Path, suffix: str) -> None:
    inks = color(smooth()).icc_transform("cmyk", input_profile="srgb")
    assert inks.interpretation == "cmyk"
    found = read(save(inks, tmp_path / f"photo{suffix}"))
    expected = inks.icc_transform("srgb", embedded=True).numpy()
    assert np.abs(found.pixels.astype(int) - expected).mean() < 4
    assert found.profile != inks.get("icc-profile-data")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    pixels = smooth()
    image = color(pixels).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    shown = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: pixels.swapaxes(0, 1)[:, ::-1],
        7: pixels.swapaxes(0, 1)[::-1, ::-1],
        8: pixels.swapaxes(0, 1)[::-1],
    }[orientation]
    first = read(save(image, tmp_path / f"first{suffix}", **({"Q": 95} if suffix == ".webp" else {})))
    assert first.pixels.shape == shown.shape
    assert np.abs(first.pixels.astype(int) - shown).mean() < 2
    for target in FORMATS:
        write(first, tmp_path / f"second{suffix}{target}")
        stored = pyvips.Image.new_from_file(str(tmp_path / f"second{suffix}{target}"))
        assert (stored.height, stored.width) == shown.shape[:2]
        assert "orientation" not in stored.get_fields() or stored.get("orientation") == 1
        assert np.abs(read(tmp_path / f"second{suffix}{target}").pixels.astype(int) - shown).mean() < 3


def described(pixels: NDArray[np.uint8]) -> pyvips.Image:
    """A picture with profile, EXIF (thumbnail, turned), XMP and resolution."""
    image = color(pixels).icc_transform("p3", input_profile="srgb").copy(xres=10, yres=12)
    blob, text = pyvips.GValue.blob_type, pyvips.GValue.gstr_type
    image.set_type(text, "exif-ifd0-Artist", "Ada (Ada, ASCII, 4 components, 4 bytes)")
    image.set_type(text, "exif-ifd2-FNumber", "28/10 (f/2.8, Rational, 1 components, 8 bytes)")
    image.set_type(blob, "xmp-data", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")
    image.set_type(blob, "jpeg-thumbnail-data", color(pixels[::4, ::4]).jpegsave_buffer())
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    return image


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_profile_and_metadata_are_carried_over(tmp_path: Path, source: str, target: str) -> None:
    image = described(smooth())
    found = read(save(image, tmp_path / f"first{source}"))
    write(found, tmp_path / f"second{target}")
    stored = pyvips.Image.new_from_file(str(tmp_path / f"second{target}"))
    assert stored.get("icc-profile-data") == image.get("icc-profile-data")
    assert stored.get("xmp-data") == image.get("xmp-data")
    if ".webp" not in (source, target):  # which has no place for a resolution
        assert (stored.xres, stored.yres) == pytest.approx((12, 10), rel=1e-4)  # as it is turned
    if source != ".tif" and target != ".tif":  # whose EXIF libvips neither writes nor reads: see test_tiff
        assert stored.get("exif-ifd0-Artist").startswith("Ada ")
        assert stored.get("exif-ifd2-FNumber").startswith("28/10")
        assert stored.get("exif-ifd2-PixelXDimension").startswith("40 ")
        assert stored.get("exif-ifd2-PixelYDimension").startswith("60 ")
        assert "jpeg-thumbnail-data" not in stored.get_fields()


def test_brackets_in_names_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "photo [page=3].png"
    write(Photo(smooth()), path)
    np.testing.assert_array_equal(read(path).pixels, smooth())


def test_content_not_name_tells_the_format(tmp_path: Path) -> None:
    save(color(smooth()), tmp_path / "photo.png").rename(tmp_path / "photo.jpg")
    np.testing.assert_array_equal(read(tmp_path / "photo.jpg").pixels, smooth())


def refused(path: Path) -> str:
    with pytest.raises(ValueError) as caught:
        read(path)
    return str(caught.value)


def test_several_pictures_in_one_file_are_refused(tmp_path: Path) -> None:
    pages = color(np.concatenate([smooth(), 255 - smooth()])).copy()
    pages.set_type(pyvips.GValue.gint_type, "page-height", 40)
    for suffix in (".tif", ".webp"):
        path = save(pages, tmp_path / f"pages{suffix}")
        assert refused(path) == f"{path} holds 2 pictures; save the one to enlarge as a file of its own"


def test_a_gif_of_one_frame_is_read_and_an_animated_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.gif"
    levels = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[:, None, None], 3, axis=2).repeat(9, axis=1)
    color(levels).gifsave(str(path))
    assert np.abs(read(path).pixels.astype(int) - levels).max() <= 4
    frames = color(np.concatenate([levels, levels[::-1]])).copy()
    frames.set_type(pyvips.GValue.gint_type, "page-height", 20)
    frames.gifsave(str(path))
    assert refused(path) == f"{path} is animated; save the one to enlarge as a file of its own"


def test_other_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.bmp"
    path.write_bytes(b"BM" + bytes(60))
    assert refused(path) == f"{path} is not a {NAMES} picture"


@pytest.mark.parametrize("channels", [1, 3])
def test_floats_stay_floats_and_32_bits_are_taken_as_16_bits(channels: int, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    right = samples(5, 30, 40, channels, dtype=np.uint16)
    right = right if channels == 3 else right[..., 0]
    kind = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "float.tif", (right / 65535).astype(np.float32), photometric=kind)
    opened = open_photo(tmp_path / "float.tif")
    assert opened.notes == () and opened.dtype == np.float32
    np.testing.assert_array_equal(opened.read().pixels, (right / 65535).astype(np.float32))
    tifffile.imwrite(tmp_path / "long.tif", right.astype(np.uint32) * 65537, photometric=kind)
    opened = open_photo(tmp_path / "long.tif")
    assert len(opened.notes) == 1 and "32 bits" in opened.notes[0]
    np.testing.assert_array_equal(opened.read().pixels, right)


@pytest.mark.parametrize(
    ("value", "said"),
    [(1.6, "from 0.5 to 1.6"), (-1.0, "from -1 to 0.5"), (np.nan, "no numbers"), (np.inf, "infinite")],
)
def test_floats_far_beyond_white_are_refused(value: float, said: str, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    values = np.full((30, 40, 3), 0.5, np.float32)
    values[7, 9] = value
    tifffile.imwrite(tmp_path / "photo.tif", values, photometric="rgb")
    assert said in refused(tmp_path / "photo.tif")
    values[7, 9] = 1.25
    tifffile.imwrite(tmp_path / "photo.tif", values, photometric="rgb")
    opened = open_photo(tmp_path / "photo.tif")
    assert "kept in TIFF alone" in opened.notes[0]
    np.testing.assert_array_equal(opened.read().pixels, values)


def test_more_channels_are_left_out_with_a_note(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(samples(5, 4, 4, 6), interpretation="multiband")
    opened = open_photo(save(image, tmp_path / "photo.tif"))
    np.testing.assert_array_equal(opened.read().pixels, image.numpy()[..., :3])
    assert len(opened.notes) == 1 and "of its channels, no colors" in opened.notes[0]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    write(Photo(smooth()), path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9999, limits[1]))
    try:
        with pytest.raises(UnfinishedError, match=r"^cannot write .*photo\..*: .+ \(is the disk full, .*\)$"):
            write(Photo(samples(6, 120, 120, 3)), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("suffix", "largest"), [(".jpg", 65500), (".webp", 16383), (".avif", 16384)])
def test_sizes_that_a_format_has_not_are_refused(tmp_path: Path, suffix: str, largest: int) -> None:
    with pytest.raises(ValueError, match=f"too large for the format, which ends at {largest} pixels a side; write PNG"):
        write(Photo(np.zeros((1, largest + 1), np.uint8)), tmp_path / f"photo{suffix}")
    assert not list(tmp_path.iterdir())
