"""What samples stand for, and chroma and luma at each other's places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("av")

import av

from films_encoded import described as film
from thinlens.color import Look, Lut3d
from thinlens.color.grading import Grading
from thinlens.films.grading import Regrader
from thinlens.video.colors import at_chroma, encoding_of
from thinlens.video.frames import layout_of, planes
from thinlens.video.siting import shift_of


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("format", ["yuv444p", "yuv444p10le"])
def test_matrices_and_ranges(matrix: int, full: bool, format: str) -> None:
    """They are those of FFmpeg, and go there and back."""
    encoding = encoding_of(film(format, matrix=matrix, range=2 if full else 1))
    colors = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(colors, "rgb24").reformat(
        format=format, dst_colorspace=matrix, dst_color_range=2 if full else 1
    )
    bits = 8 if format == "yuv444p" else 10
    found = encoding.from_rgb(colors / 255)
    stored = np.stack(planes(frame, layout_of(format)), axis=-1)
    assert np.abs(stored - found).max() <= 1.5 * 2 ** (bits - 8)
    assert np.allclose(encoding.to_rgb(found), colors / 255)
    gray = encoding.from_rgb(np.full(3, 0.5))
    assert np.allclose(gray[1:], 2 ** (bits - 1))


def test_red_green_and_blue() -> None:
    encoding = encoding_of(film("gbrp"))
    assert np.allclose(encoding.from_rgb(np.array([1.0, 0.5, 0.0])), [127.5, 0, 255])


def test_a_matrix_that_is_not_named_is_that_of_players() -> None:
    def red(size: tuple[int, int]) -> float:
        return float(encoding_of(film(size=size)).from_rgb(np.array([1.0, 0, 0]))[0])

    assert np.isclose(red((854, 480)), 16 + 219 * 0.299) and np.isclose(red((1920, 1080)), 16 + 219 * 0.2126)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"transfer": 16}, "a.mkv has high dynamic range or wide colors: leave --enhance out"),
        ({"transfer": 18}, "high dynamic range"),
        ({"primaries": 9}, "wide colors"),
        ({"matrix": 8}, "a.mkv has a matrix of code 8, which --enhance does not know"),
    ],
)
def test_films_that_are_refused(tags: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoding_of(film(**tags))


@pytest.mark.parametrize("location", ["left", "center", "topleft", "bottom"])
@pytest.mark.parametrize(("across", "down"), [(2, 2), (2, 1), (4, 1)])
@pytest.mark.parametrize("size", [(20, 40), (19, 39)])
def test_chroma_and_luma_at_each_others_places(location: str, across: int, down: int, size: tuple[int, int]) -> None:
    """A ramp has the same value at the same place."""
    offset, (rows, columns) = shift_of(location, across, down), size
    low = (-(-rows // down), -(-columns // across))
    luma = (100 + 30 * np.arange(rows)[:, None] + 8 * np.arange(columns)).astype(np.uint16)
    y, x = ((np.arange(n) + 0.5 + by) * f - 0.5 for n, by, f in zip(low, offset[::-1], (down, across), strict=True))
    chroma = 100 + 30 * y[:, None] + 8 * x
    inner = slice(1, -2)
    found = at_chroma(luma, low, (down, across), offset)
    assert found.shape == low and np.abs(found - chroma)[inner, inner].max() <= 1
    layout = replace(layout_of("yuv420p10le"), across=across, down=down)
    regrader = Regrader(Grading(Look(Lut3d.identity())), encoding_of(film("yuv420p10le")), layout, location, ())
    back = regrader._at_luma(np.rint(chroma).astype(np.uint16), size, (down, across), offset)
    assert back.shape == size and np.abs(back.astype(int) - luma)[4:-4, 8:-8].max() <= 1
