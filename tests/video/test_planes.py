"""Frames as planes, and chroma that stays where it was."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("av")

import av

from thinlens import films, run
from thinlens.program import shifted_bicubic
from thinlens.video.frames import empty, layout_of, planar, planes
from thinlens.video.siting import resampled, shift_of


@pytest.mark.parametrize(
    ("format", "kinds", "bits", "share"),
    [
        ("yuv420p", ("luma", "chroma", "chroma"), 8, (2, 2)),
        ("yuvj422p", ("luma", "chroma", "chroma"), 8, (2, 1)),
        ("nv12", ("luma", "chroma", "chroma"), 8, (2, 2)),
        ("p010le", ("luma", "chroma", "chroma"), 10, (2, 2)),
        ("yuva444p10le", ("luma", "chroma", "chroma", "alpha"), 10, (1, 1)),
        ("yuv411p", ("luma", "chroma", "chroma"), 8, (4, 1)),
        ("gray12le", ("luma",), 12, (1, 1)),
        ("rgb24", ("luma", "luma", "luma"), 8, (1, 1)),
        ("rgba", ("luma", "luma", "luma", "alpha"), 8, (1, 1)),
    ],
)
def test_layouts(format: str, kinds: tuple[str, ...], bits: int, share: tuple[int, int]) -> None:
    layout = layout_of(format)
    assert (layout.kinds, layout.bits, (layout.across, layout.down)) == (kinds, bits, share)
    frame = empty(layout, 31, 17)
    for kind, plane in zip(kinds, planes(frame, layout), strict=True):
        assert plane.shape == layout.shape(kind, 31, 17) and plane.dtype == layout.dtype
        plane[...] = 5
    assert all((plane == 5).all() for plane in planes(frame, layout))


@pytest.mark.parametrize("format", ["gray16be", "monow", "gbrpf32le", "bayer_bggr8", "nothing"])
def test_formats_that_are_refused(format: str) -> None:
    with pytest.raises(ValueError, match="pixel format"):
        layout_of(format)


def test_packed_frames_keep_their_samples() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    layout = layout_of("rgb24")
    green, blue, red = planes(planar(av.VideoFrame.from_ndarray(pixels, "rgb24"), layout), layout)
    assert np.array_equal(np.dstack([red, green, blue]), pixels)


@pytest.mark.parametrize("location", ["left", "center", "topleft", "top", "bottomleft", "bottom", None])
@pytest.mark.parametrize(("across", "down"), [(2, 2), (2, 1), (4, 1)])
@pytest.mark.parametrize("scale", [2, 3])
def test_chroma_stays_where_it_was(location: str | None, across: int, down: int, scale: int) -> None:
    """A ramp over the picture has the same value at the same place, wherever chroma samples lie."""
    offset = shift_of(location, across, down)
    rows, columns = 12, 14

    def ramp(height: int, width: int, times: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        x = (np.arange(width) + 0.5 + offset[0]) / times
        y = (np.arange(height) + 0.5 + offset[1]) / times
        return 40 + 700 * (x[None] / columns + y[:, None] / rows) / 2

    source = np.rint(ramp(rows, columns, 1)).astype(np.uint16)
    wanted = ramp(rows * scale, columns * scale, scale)
    inner = slice(2 * scale, -2 * scale)
    moved = tuple(-each * (1 - 1 / scale) for each in offset)
    by_program = run.compile(shifted_bicubic(scale, (moved[0], moved[1])))(source, bits=10)
    by_size = resampled(source, wanted.shape, offset, 1023)
    assert np.abs(by_program - wanted)[inner, inner].max() <= 1.2
    assert np.abs(by_size.astype(int) - by_program).max() <= 1


def test_to_a_size_that_is_no_multiple() -> None:
    plane = np.full((9, 16), 77, np.uint8)
    assert (resampled(plane, (13, 25), (-0.25, 0.0), 255) == 77).all()
    assert (resampled(plane, (5, 7), (-0.25, 0.0), 255) == 77).all()


def test_gray_stays_gray() -> None:
    """Chroma in the middle of its range stays there, whatever luma does."""
    layout = layout_of("yuv420p")
    frame, result = empty(layout, 32, 16), empty(layout, 64, 32)
    luma, *chroma = planes(frame, layout)
    luma[...] = np.arange(32)[None] * 7 + 16
    for plane in chroma:
        plane[...] = 128
    enlarger = films.Enlarger((run.load("fast", 2),), 2, layout, None, (64, 32))
    enlarger(planes(frame, layout), planes(result, layout))
    assert all((plane == 128).all() for plane in planes(result, layout)[1:])
