"""What JPEG files and films did to pictures before they are enlarged, as a degradation of training pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import photo
from ..video.crops import through_h264

GRID = 16
"""Pixels from one block of subsampled chroma to the next; of luma it is half of that."""
REACH = 16
"""Pixels around a picture that are compressed with it, so that its blocks are cut at its borders as elsewhere."""
TOGETHER = 128
"""Pictures in one file, which is far quicker than a file for each."""

Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Compression:
    """Pictures as JPEG files of `qualities`, from the first to the last, leave them.

    Each is compressed by a real encoder at a quality drawn anew, its corner anywhere in the grid of blocks. Of so many
    fractions chroma is `subsampled` (4:2:0, else 4:4:4), the picture compressed `twice`, in two grids, or left `clean`.
    A training run sees `draws` of them for each picture.
    """

    qualities: tuple[int, int] = (30, 95)
    subsampled: float = 0.9
    twice: float = 0.1
    clean: float = 0.02
    draws: int = 2

    def __post_init__(self) -> None:
        first, last = self.qualities
        if not 1 <= first <= last <= 100:
            raise ValueError(f"qualities are from 1 to 100, the lower first, got {first} and {last}")
        if not all(0 <= fraction <= 1 for fraction in (self.subsampled, self.twice, self.clean)):
            raise ValueError("subsampled, twice and clean are fractions of the pictures, 0…1")
        if self.draws < 1:
            raise ValueError("draws must be at least 1")


@dataclass(frozen=True)
class FilmCompression:
    """Pictures as a film in H.264 leaves them, whose quality `crf` is drawn from the first to the last.

    They are seen in one of `frames` frames, in which they move by up to `speed` pixels a frame each way, so that some
    are coded by themselves and some by what has changed. A fraction is left `clean`; `draws` is as in `Compression`.
    """

    crf: tuple[int, int] = (18, 32)
    frames: int = 5
    speed: float = 3.0
    clean: float = 0.03
    draws: int = 2

    def __post_init__(self) -> None:
        first, last = self.crf
        if not 0 <= first <= last <= 51:
            raise ValueError(f"crf is from 0 to 51, the lower first, got {first} and {last}")
        if self.frames < 1 or not 0 <= self.speed * self.frames <= REACH:
            raise ValueError(f"there must be a frame, and pictures may move by {REACH} pixels in all")
        if not 0 <= self.clean <= 1 or self.draws < 1:
            raise ValueError("clean is a fraction of the pictures, 0…1, and draws must be at least 1")


Degradation: TypeAlias = Compression | FilmCompression

CLEAN = "clean"
DEGREES: dict[str, Degradation] = {
    "jpeg-high": Compression((88, 94)),
    "jpeg-medium": Compression((65, 85)),
    "jpeg-low": Compression((30, 60)),
    "h264": FilmCompression(),
}
"""What the networks for each compressed source are trained on."""


def degree(source: str) -> Degradation | None:
    """What pictures of a source have been through, by its name in `models.SOURCES`. Raises ValueError if unknown."""
    if source != CLEAN and source not in DEGREES:
        raise ValueError(f"unknown source {source!r}; there are {', '.join((CLEAN, *DEGREES))}")
    return DEGREES.get(source)


def compress(pictures: Pictures, compression: Degradation, seed: int = 0) -> Pictures:
    """One draw for each of the pictures `(N, H, W, 3)` uint8, sRGB-encoded; of JPEG the same for the same seed."""
    if isinstance(compression, FilmCompression):
        return _filmed(pictures, compression, seed)
    random = np.random.default_rng(seed)
    count = len(pictures)
    done = random.random(count) >= compression.clean
    again = done & (random.random(count) < compression.twice)
    result = pictures.copy()
    with photo.threads(1):
        for chosen in (again, done):  # what is compressed twice is so for the first time before the others
            places = np.flatnonzero(chosen)
            qualities = random.integers(compression.qualities[0], compression.qualities[1] + 1, count)[places]
            subsampled = (random.random(count) < compression.subsampled)[places]
            corners = REACH + random.integers(GRID, size=(count, 2))[places]
            for quality, chroma in sorted(set(zip(qualities.tolist(), subsampled.tolist(), strict=True))):
                members = np.flatnonzero((qualities == quality) & (subsampled == chroma))
                for some in np.split(members, range(TOGETHER, len(members), TOGETHER)):
                    result[places[some]] = _through_jpeg(result[places[some]], corners[some], quality, chroma)
    return result


def _filmed(pictures: Pictures, compression: FilmCompression, seed: int) -> Pictures:
    random = np.random.default_rng(seed)
    result = pictures.copy()
    order = random.permutation(np.flatnonzero(random.random(len(pictures)) >= compression.clean))
    for some in np.split(order, range(TOGETHER, len(order), TOGETHER)):
        if len(some):
            crf = random.uniform(*compression.crf)
            speeds = random.uniform(-compression.speed, compression.speed, (len(some), 2))
            shown = int(random.integers(compression.frames))
            result[some] = _in_a_film(pictures[some], speeds, shown, compression.frames, crf)
    return result


def _in_a_film(pictures: Pictures, speeds: NDArray[np.float64], shown: int, length: int, crf: float) -> Pictures:
    """Pictures `(n, H, W, 3)` side by side, each moving as a whole, as they are in the frame `shown` of `length`."""
    count, height, width = pictures.shape[:3]
    sides = [-(-(side + 4 * REACH) // GRID) * GRID for side in (height, width)]
    across = math.ceil(math.sqrt(count))
    down = -(-count // across)
    wide = [
        np.pad(picture, ((4 * REACH, 4 * REACH), (4 * REACH, 4 * REACH), (0, 0)), "symmetric") for picture in pictures
    ]
    frames: list[Pictures] = []
    for number in range(length):
        frame = np.zeros((down * sides[0], across * sides[1], 3), np.uint8)
        for place, (picture, speed) in enumerate(zip(wide, speeds, strict=True)):
            top, left = (2 * REACH + np.rint(speed * (number - shown))).astype(int)
            y, x = place // across * sides[0], place % across * sides[1]
            frame[y : y + sides[0], x : x + sides[1]] = picture[top : top + sides[0], left : left + sides[1]]
        frames.append(frame)
    found = through_h264(frames, crf)[shown]
    starts = [(2 * REACH + place // across * sides[0], 2 * REACH + place % across * sides[1]) for place in range(count)]
    return np.stack([found[y : y + height, x : x + width] for y, x in starts])


def _through_jpeg(pictures: Pictures, corners: NDArray[np.int64], quality: int, subsampled: bool) -> Pictures:
    """Pictures `(n, H, W, 3)` in one file, one below the other, as blocks know nothing of those far from them."""
    count, height, width, channels = pictures.shape
    # what lies around is not known here: the picture mirrored, which is as full of detail
    rows = -(-(height + 2 * REACH + GRID) // GRID) * GRID
    tall = np.empty((count, rows, width + 2 * REACH + GRID, channels), np.uint8)
    for place, picture, (top, left) in zip(tall, pictures, corners, strict=True):
        around = ((top, rows - height - top), (left, place.shape[1] - width - left), (0, 0))
        place[:] = np.pad(picture, around, mode="symmetric")
    file = photo.as_jpeg(tall.reshape(-1, *tall.shape[2:]), quality, subsampled)
    found = photo.decoded(file).reshape(tall.shape)
    return np.stack(
        [place[top : top + height, left : left + width] for place, (top, left) in zip(found, corners, strict=True)]
    )
