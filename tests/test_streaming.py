"""Photos in bands: the same files as in one piece, in little memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips

from programs import float_program, integer_program, picture
from thinlens import run
from thinlens.photo import Opened, Photo, Stage, in_bands, open_photo, read, write
from thinlens.program import Program, save

FLOAT = float_program("query*key", 2, 7, 2)
FIXED = integer_program(3, 5, 2)


@pytest.fixture(params=[1000, 6000], ids=["low bands", "high bands"])
def band(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BAND", request.param)


def both(monkeypatch: pytest.MonkeyPatch, source: Path, suffix: str, model: Program, **size: float) -> list[Photo]:
    """A photo enlarged in one piece and in bands, of which there are several."""
    results: list[Photo] = []
    bands = Opened.bands
    rows: list[int] = []

    def watched(opened: Opened, height: int) -> Iterator[np.ndarray]:
        for band in bands(opened, height):
            rows.append(len(band))
            yield band

    monkeypatch.setattr(Opened, "bands", watched)
    for limit in (2**30, 0):
        monkeypatch.setattr(run, "IN_ONE_PIECE", limit)
        rows.clear()
        target = source.with_name(f"{source.stem}-{limit}{suffix}")
        run.upscale_file(source, target, model=model, **size)  # pyright: ignore[reportArgumentType]
        assert (len(rows) > 1) == (limit == 0)
        results.append(read(target))
    return results


@pytest.mark.usefixtures("band")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("color", [False, True], ids=["gray", "rgb"])
@pytest.mark.parametrize("transparent", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize("model", [FLOAT, FIXED], ids=["float", "fixed"])
@pytest.mark.parametrize("scale", [None, 2.4, 5])
def test_bands_make_the_same_photo(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: type,
    color: bool,
    transparent: bool,
    model: Program,
    scale: float | None,
) -> None:
    alpha = None
    if transparent:
        alpha = picture(70, 31, False, dtype, seed=1)
        alpha[20:40, 5:20] = 0
    write(Photo(picture(70, 31, color, dtype), alpha), tmp_path / "low.png")
    whole, banded = both(monkeypatch, tmp_path / "low.png", ".png", model, **({"scale": scale} if scale else {}))
    assert whole.pixels.dtype == dtype
    assert whole.pixels.shape[:2] == (round(70 * (scale or model.scale)), round(31 * (scale or model.scale) + 1e-9))
    np.testing.assert_array_equal(banded.pixels, whole.pixels, strict=True)
    if transparent:
        np.testing.assert_array_equal(banded.alpha, whole.alpha, strict=True)
    else:
        assert banded.alpha is whole.alpha is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_bands_through_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(run, "BAND", 10_000)
    image = pyvips.Image.new_from_array(picture(60, 44, True, np.uint8)).copy(interpretation="srgb", xres=10, yres=12)
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")
    image.write_to_file(str(tmp_path / f"low{suffix}"))
    whole, banded = both(monkeypatch, tmp_path / f"low{suffix}", suffix, FIXED)
    assert whole.pixels.shape == (132, 180, 3) if suffix != ".avif" else whole.pixels.ndim == 3
    np.testing.assert_array_equal(banded.pixels, whole.pixels, strict=True)
    assert banded.metadata == whole.metadata
    assert banded.resolution == whole.resolution


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_photo_cut_short_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(run, "BAND", 10_000)
    monkeypatch.setattr(run, "IN_ONE_PIECE", 0)
    write(Photo(picture(200, 100, True, np.uint8)), tmp_path / f"whole{suffix}")
    content = (tmp_path / f"whole{suffix}").read_bytes()
    low = tmp_path / f"low{suffix}"
    low.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError) as caught:
        run.upscale_file(low, tmp_path / "high.png", model=FIXED)
    assert str(caught.value) == f"{low} is damaged or cut short; give --keep-damaged to take what can be read"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([low.name, f"whole{suffix}"])


def test_what_goes_wrong_between_bands_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BAND", 10_000)
    monkeypatch.setattr(run, "IN_ONE_PIECE", 0)
    write(Photo(picture(200, 100, True, np.uint8)), tmp_path / "low.png")
    done = []

    def interrupted(bands: Iterator[np.ndarray], stage: Stage) -> Iterator[np.ndarray]:
        for band in in_bands(bands, stage):
            if done:
                raise KeyboardInterrupt
            done.append(band)
            yield band

    monkeypatch.setattr("thinlens.photo.in_bands", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.upscale_file(tmp_path / "low.png", tmp_path / "high.png", model=FIXED)
    assert [path.name for path in tmp_path.iterdir()] == ["low.png"]


def test_bands_of_any_height_are_put_together() -> None:
    rows = np.arange(50)[:, None]
    for sizes in ([50], [1] * 50, [3, 1, 40, 2, 4], [49, 1]):
        for halo in (0, 1, 4, 60):

            def spread(band: np.ndarray, halo: int = halo) -> np.ndarray:
                padded = np.pad(band, ((halo, halo), (0, 0)), mode="edge")
                total = sum(padded[i : i + len(band)] * (i + 1) for i in range(2 * halo + 1))
                return np.repeat(total, 2, axis=0)

            found = np.concatenate(list(in_bands(np.split(rows, np.cumsum(sizes)[:-1]), Stage(spread, halo, 2))))
            np.testing.assert_array_equal(found, spread(rows))


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    write(Photo(np.zeros((1000, 3000, 3), np.uint8)), tmp_path / "low.png")
    low, high = tmp_path / "low.png", tmp_path / "high.png"
    with pytest.raises(ValueError) as caught:
        run.upscale_file(low, high, model=FIXED, limit=2)
    assert str(caught.value) == (
        f"{low}: 3000x1000 is more than the 2 megapixels that a picture may have; "
        "if it is meant, raise the limit with --limit 3"
    )
    with pytest.raises(ValueError) as caught:
        run.upscale_file(low, high, model=FIXED, limit=3)
    assert str(caught.value) == (
        f"{high}: 9000x3000 is more than the 3 megapixels that a picture may have; "
        "if it is meant, raise the limit with --limit 27"
    )
    interlaced = tmp_path / "interlaced.png"
    pyvips.Image.black(3000, 1000).pngsave(str(interlaced), interlace=True)
    with pytest.raises(ValueError) as caught:
        run.upscale_file(interlaced, high, model=FIXED, limit=20)
    assert str(caught.value) == (
        f"{interlaced}: 3000x1000 is more than the 2 megapixels that one that is decoded whole may have; "
        "if it is meant, raise the limit with --limit 30"
    )
    assert not high.exists()
    assert open_photo(interlaced, limit=30).size == (3000, 1000)


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    pyvips.Image.black(60_000, 60_000).pngsave(str(bomb), compression=9)
    assert bomb.stat().st_size < 10_000_000
    with pytest.raises(ValueError, match="60000x60000 is more than the 2500 megapixels .* --limit 3600$"):
        read(bomb)


@pytest.mark.slow
def test_a_large_photo_takes_little_memory(tmp_path: Path) -> None:
    save(FIXED, tmp_path / "program.safetensors")
    write(Photo(np.tile(picture(500, 500, True, np.uint8), (12, 12, 1))), tmp_path / "low.png")
    code = (
        "import sys; from thinlens import run; run.upscale_file(*sys.argv[1:3], model=sys.argv[3]);"
        # not by getrusage, which also counts the process that this one was forked from
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    names = [str(tmp_path / name) for name in ("low.png", "high.png", "program.safetensors")]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)
    peak = int(done.stdout) * 1024
    assert peak < 500_000_000 < 6000 * 6000 * 3 * 9
