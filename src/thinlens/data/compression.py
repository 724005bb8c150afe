"""What JPEG files did to pictures before they are enlarged, as a degradation of training pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import photo

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


CLEAN = "clean"
DEGREES = {
    "jpeg-high": Compression((88, 94)),
    "jpeg-medium": Compression((65, 85)),
    "jpeg-low": Compression((30, 60)),
}
"""What the networks for each compressed source are trained on."""


def degree(source: str) -> Compression | None:
    """What pictures of a source have been through, by its name in `models.SOURCES`. Raises ValueError if unknown."""
    if source != CLEAN and source not in DEGREES:
        raise ValueError(f"unknown source {source!r}; there are {', '.join((CLEAN, *DEGREES))}")
    return DEGREES.get(source)


def compress(pictures: Pictures, compression: Compression, seed: int = 0) -> Pictures:
    """One draw for each of the pictures `(N, H, W, 3)` uint8, sRGB-encoded; the same for the same seed."""
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
