"""Other colors for films: one look for each shot, by the frames of it, so that none flickers.

Looks are for red, green and blue; here they become tables of the samples that frames have, by matrix and range of the
film. So samples are looked up once and never converted, and at a strength of 0 they stay what they are. A sample of
luma is looked up with the chroma between its neighbors, one of chroma with the mean of the luma around it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import program, run
from ..color import Look, Lut3d
from ..color.grading import Grading
from ..files import write_whole
from ..kernels import Compiled, Gathered
from ..video import DamagedError, Film, Making
from ..video.colors import Encoding, at_chroma, encoding_of
from ..video.film import frames
from ..video.frames import Layout, Plane, planar
from ..video.shots import SHORTEST, with_cuts
from ..video.siting import shift_of
from .enlarging import bits_in

SIZE = 65
"""Entries a side of the tables of samples: the middle of chroma, which is gray, is one of them."""
SECONDS = 1.0
"""How far apart the frames are that decide on the look of a shot, from its first on."""


@dataclass(frozen=True)
class Shot:
    """From when on, in ticks, a film has a look, and that look as the weights of basis tables."""

    begin: int
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Regrader:
    """Gives frames in planes the looks of their shots; samples go in and out as stored."""

    grading: Grading
    encoding: Encoding
    layout: Layout
    location: str | None
    shots: tuple[Shot, ...]

    def __call__(self, ticks: int, source: Sequence[Plane], target: Sequence[Plane]) -> None:
        """Fill the planes of a frame that is shown at a time with those of the source in other colors."""
        index = max(0, bisect_right([shot.begin for shot in self.shots], ticks) - 1)
        look_up = self._tables(self.shots[index].weights)
        colored = [number for number, kind in enumerate(self.layout.kinds) if kind != "alpha"]
        for number in range(len(source)):
            if number not in colored:
                target[number][...] = source[number]
        factors = (self.layout.down, self.layout.across)
        offset = shift_of(self.location, self.layout.across, self.layout.down)
        first, *others = (source[number] for number in colored)
        if len(colored) == 1:
            middle = np.full_like(first, 2 ** (self.layout.bits - 1))
            target[0][...] = look_up(np.stack([first, middle, middle], axis=-1))[..., 0]
            return
        if factors == (1, 1):
            found = look_up(np.stack([first, *others], axis=-1))
            for channel, number in enumerate(colored):
                target[number][...] = found[..., channel]
            return
        full = [self._at_luma(plane, first.shape, factors, offset) for plane in others]
        target[colored[0]][...] = look_up(np.stack([first, *full], axis=-1))[..., 0]
        low = at_chroma(first, others[0].shape, factors, offset)
        found = look_up(np.stack([low, *others], axis=-1))
        for channel, number in enumerate(colored[1:], start=1):
            target[number][...] = found[..., channel]

    def _at_luma(
        self, plane: Plane, shape: tuple[int, int], factors: tuple[int, int], offset: tuple[float, float]
    ) -> Plane:
        """A chroma plane at the places of luma samples, by bicubic interpolation.

        It is enlarged by the larger of both factors; along the other axis by so much too much, with samples of its own
        in the places that are taken.
        """
        scale = max(factors)
        down, across = (
            -by if factor == scale else (1 - 1 / scale) / 2 for factor, by in zip(factors, offset[::-1], strict=True)
        )
        enlarged = _bicubic(scale, across, down)(plane, bits=bits_in(self.layout))
        return enlarged[:: scale // factors[0], :: scale // factors[1]][: shape[0], : shape[1]]

    def _tables(self, weights: tuple[float, ...]) -> Callable[[NDArray[Any]], NDArray[Any]]:
        return _sample_table(self.grading, self.encoding, self.layout.bits, weights)


def regrader(making: Making, grading: Grading, shots: Sequence[Shot]) -> Regrader:
    """What gives the frames of a film other colors. Raises ValueError for films whose colors are not standard ones."""
    film = making.film
    return Regrader(grading, encoding_of(film), film.layout, film.tags.location, tuple(shots))


def find_shots(film: Film, grading: Grading, begin: int | None, end: int | None) -> list[Shot]:
    """The shots of a film, or of a part of it, and their looks, by decoding it once.

    The look of a shot is the mean of those that its frames would get, one each second. Of a damaged film the shots
    before the damage are found; DamagedError is raised if there are none.
    """
    encoding = encoding_of(film)
    found: list[tuple[int, list[tuple[float, ...]]]] = []
    shortest, step = (round(seconds / film.time_base) for seconds in (SHORTEST, SECONDS))
    shown = frames(film, begin, end)
    try:
        next_look = 0
        for ticks, planes, begins in with_cuts(((t, planar(f, film.layout)) for t, f in shown), film.layout, shortest):
            if begins:
                found.append((ticks, []))
            if begins or ticks >= next_look:
                found[-1][1].append(look_of(planes, film.layout, encoding, grading).weights)
                next_look = ticks + step
    except DamagedError:  # whoever decodes the film comes to the same place, and tells of it
        if not found:
            raise
    finally:
        shown.close()
    return [Shot(ticks, tuple(np.mean(weights, axis=0).tolist())) for ticks, weights in found]


def look_of(planes: Sequence[Plane], layout: Layout, encoding: Encoding, grading: Grading) -> Look:
    """The look that one frame would get, as a photo does."""
    colored = [plane for plane, kind in zip(planes, layout.kinds, strict=True) if kind != "alpha"]

    def thumbnail(size: int) -> NDArray[np.float32]:
        samples = np.full((size, size, 3), 2.0 ** (layout.bits - 1))
        for channel, plane in enumerate(colored):
            gathered = Gathered(plane.shape, size)
            gathered.add(plane, 0)
            samples[..., channel] = gathered.thumbnail()[0] * np.iinfo(plane.dtype).max
        colors = np.clip(encoding.to_rgb(samples), 0, 1).astype(np.float32)
        return np.ascontiguousarray(np.moveaxis(colors, -1, 0))

    return grading.look_at(thumbnail)


def write_shots(shots: Sequence[Shot], path: Path) -> None:
    """Write shots to a file, which appears whole or not at all."""
    write_whole(json.dumps([[shot.begin, shot.weights] for shot in shots]).encode(), path)


def read_shots(path: Path) -> list[Shot]:
    """The shots of a file of `write_shots`. Raises OSError if there is none."""
    return [Shot(begin, tuple(weights)) for begin, weights in json.loads(path.read_bytes())]


@lru_cache(4)
def _bicubic(scale: int, across: float, down: float) -> Compiled:
    return run.compile(program.shifted_bicubic(scale, (across, down)))


@lru_cache(4)
def _sample_table(
    grading: Grading, encoding: Encoding, bits: int, weights: tuple[float, ...]
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """A look as a function of stored samples, `(H, W, 3)` in the order of planes, for as long as it is needed."""
    return sample_table(grading.look_by(weights), encoding, bits)


def sample_table(look: Look, encoding: Encoding, bits: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """A look as a function of stored samples, `(H, W, 3)` uint8, or uint16 of so many bits, in the order of planes.

    Samples that stand for colors beyond red, green and blue move as far as the nearest color within does.
    """
    peak = 2 ** (8 if bits == 8 else 16) - 1
    upper = 2.0**bits / peak
    steps = np.linspace(0, 2.0**bits, SIZE)
    samples = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    before = np.clip(encoding.to_rgb(samples), 0, 1).astype(np.float32)
    after = np.clip(look(before.reshape(SIZE, SIZE * SIZE, 3)), 0, 1).reshape(before.shape)
    moved = samples + encoding.from_rgb(after.astype(float)) - encoding.from_rgb(before.astype(float))
    lut = Lut3d((moved / peak).astype(np.float32), upper=(upper, upper, upper))
    return lambda picture: lut.apply(picture, look.interpolation)
