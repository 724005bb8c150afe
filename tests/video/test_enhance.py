"""Films in other colors: one look for each shot, whatever the segments and whether a run is killed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

import av

from films_encoded import described, same
from thinlens import films, run
from thinlens.color import Look, Lut3d
from thinlens.color.grading import Grading
from thinlens.films.grading import Regrader, Shot, find_shots, sample_table
from thinlens.sizes import TargetSize
from thinlens.video import open_film
from thinlens.video.colors import Encoding, encoding_of
from thinlens.video.frames import empty, layout_of, planes

SIZE = (96, 64)


def shots_film(path: Path, shots: int = 2, frames: int = 25) -> Path:
    """Shots of pictures of different colors, moving a little, half as long in segments as shots are."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "10", "crf": "12"}
        for shot in range(shots):
            base, slope = random.integers(30, 120, 3), random.integers(-90, 90, 3)
            x = np.linspace(0, 1, SIZE[0])[None, :, None] * np.ones((SIZE[1], 1, 1))
            picture = (base + slope * x + 70 * shot).clip(0, 255).astype(np.uint8)
            for number in range(frames):
                moved = np.ascontiguousarray(np.roll(picture, number, 1))
                frame = av.VideoFrame.from_ndarray(moved, "rgb24").reformat(format="yuv420p")
                frame.pts = shot * frames + number
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def warmer() -> Look:
    table = Lut3d.identity(17).table.copy()
    table[..., 0] = table[..., 0] ** 0.8
    table[..., 2] = table[..., 2] ** 1.2
    return Look(Lut3d(table))


def encoding(format: str, matrix: int = 1, full: bool = False) -> Encoding:
    return encoding_of(described(format, matrix=matrix, range=2 if full else 1))


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_samples_get_what_their_colors_get(matrix: int, full: bool, bits: int) -> None:
    """Within 1 of 255, beside converting, looking up and converting back in floats; nothing changes by no change."""
    format = "yuv444p" if bits == 8 else "yuv444p10le"
    code, dtype = encoding(format, matrix, full), np.uint8 if bits == 8 else np.uint16
    colors = np.random.default_rng(0).random((60, 80, 3)).astype(np.float32)
    samples = np.rint(code.from_rgb(colors.astype(float)))
    look = warmer()
    exact = look(np.clip(code.to_rgb(samples), 0, 1).astype(np.float32)).clip(0, 1)
    wanted = samples + code.from_rgb(exact.astype(float)) - code.from_rgb(np.clip(code.to_rgb(samples), 0, 1))
    found = sample_table(look, code, bits)(samples.astype(dtype))
    assert np.abs(found - wanted).max() <= 1.5 * 2 ** (bits - 8)
    every = np.random.default_rng(1).integers(0, 2**bits, (50, 70, 3)).astype(dtype)
    assert np.array_equal(sample_table(Look(look.lut, strength=0.0), code, bits)(every), every)


@pytest.mark.parametrize("format", ["yuv420p", "yuv422p10le", "yuv444p", "gbrp", "gray", "yuva420p"])
def test_frames_of_all_kinds(format: str) -> None:
    """Flat frames become what their color becomes; alpha stays, and nothing changes at a strength of 0."""
    layout, random = layout_of(format), np.random.default_rng(0)
    source, target = empty(layout, 34, 18), empty(layout, 34, 18)
    code = encoding(format)
    levels = [int(random.integers(80, 180)) << layout.bits - 8 for _ in layout.kinds]
    for plane, value in zip(planes(source, layout), levels, strict=True):
        plane[...] = value
    before, after = planes(source, layout), planes(target, layout)
    Regrader(Grading(warmer()), code, layout, None, (Shot(0, ()),))(0, before, after)
    colored = [value for value, kind in zip(levels, layout.kinds, strict=True) if kind != "alpha"]
    full = colored if len(colored) == 3 else [*colored, *[1 << layout.bits - 1] * 2]
    dtype = layout.dtype
    wanted = sample_table(warmer(), code, layout.bits)(np.array(full, dtype)[None, None])[0, 0]
    for plane, kind, value in zip(after, layout.kinds, levels, strict=True):
        assert (plane == plane[0, 0]).all() and (kind != "alpha" or plane[0, 0] == value)
    found = [int(plane[0, 0]) for plane, kind in zip(after, layout.kinds, strict=True) if kind != "alpha"]
    assert found == wanted[: len(found)].tolist() and found != colored
    for plane in before:
        plane[...] = random.integers(0, 2**layout.bits, plane.shape)
    nothing = Grading(Look(warmer().lut, strength=0.0))
    Regrader(nothing, code, layout, "left", (Shot(0, ()),))(0, before, after)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_shots_are_found(tmp_path: Path) -> None:
    film = open_film(shots_film(tmp_path / "film.mkv", shots=3))
    found = find_shots(film, run.grading(), None, None)
    assert [round(shot.begin * film.time_base * 25) for shot in found] == [0, 25, 50]
    assert len({shot.weights for shot in found}) == 3
    part = find_shots(film, run.grading(), film.times.frames[30], film.times.frames[40])
    assert [shot.begin for shot in part] == [film.times.frames[30]]


def test_one_table_for_a_shot_whatever_the_segments(tmp_path: Path) -> None:
    source, whole, parts = (tmp_path / name for name in ("film.mkv", "whole.mkv", "parts.mkv"))
    shots_film(source)
    options = films.Options(TargetSize(scale=1), "fast", codec="ffv1", enhance=1.0, source="clean")
    work = films.upscale_film(source, whole, options)
    assert len(work.segments) == 1 and len(work.shots) == 2

    class Stop(Exception):
        pass

    def stopping(done: int, of: int) -> None:
        if done > of // 2:
            raise Stop

    options = replace(options, segment=0.4)
    with pytest.raises(Stop):
        films.upscale_film(source, parts, options, stopping)
    told: list[int] = []
    assert len(films.upscale_film(source, parts, options, lambda done, _of: told.append(done)).segments) == 5
    assert told[0] > 0 and same(whole, parts)
    plain = tmp_path / "plain.mkv"
    films.upscale_film(source, plain, replace(options, enhance=None))
    assert not same(whole, plain)
    films.upscale_film(source, tmp_path / "none.mkv", replace(options, enhance=0.0))
    assert same(plain, tmp_path / "none.mkv")
