"""Training pairs: crops of photos in one compact patch file, made once, and luma at both resolutions from it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .. import photo
from ..files import write_whole
from ..program.ops import LUMA_WEIGHTS
from .compression import Degradation, compress
from .degrade import downscale

FORMAT = "thinlens patches 1"
MARGIN = 2
"""Low-resolution pixels whose bicubic support leaves the crop: they are trimmed."""
CANDIDATES = 40

Crops = NDArray[np.uint8]


@dataclass(frozen=True)
class Sampling:
    """Which crops are taken: `per_photo` of `size`² pixels at each of the reductions of a photo, by their detail.

    A multiple of 12 suits the scales 2, 3 and 4. Every `holdout`-th photo gives validation crops only. A crop of 144²
    takes 62 KB of the patch file: 348 photos make 43 MB by default.
    """

    per_photo: int = 2
    size: int = 144
    reductions: tuple[int, ...] = (1,)
    holdout: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size % 12 or self.size < 48:
            raise ValueError(f"the crop size must be a multiple of 12, at least 48, got {self.size}")
        if self.per_photo < 1 or self.holdout < 2 or not self.reductions or min(self.reductions) < 1:
            raise ValueError("per_photo and reductions must be at least 1, holdout at least 2")


@dataclass(frozen=True)
class Patches:
    """Crops `(N, size, size, 3)` uint8, sRGB-encoded, for training and validation, and the digest of their origin."""

    train: Crops
    validation: Crops
    digest: str


@dataclass(frozen=True, eq=False)
class Pairs:
    """Luma `(N, h, w)` and `(N, scale·h, scale·w)`, float32, full-range BT.601 in [0, 1]."""

    low_resolution: NDArray[np.float32]
    high_resolution: NDArray[np.float32]
    scale: int


def photo_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The photos of a folder and below, sorted. Raises ValueError if there are fewer than two."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder of photos")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in photo.SUFFIXES)
    if len(files) < 2:
        raise ValueError(f"{folder} holds {len(files)} photos ({', '.join(photo.SUFFIXES)}); training needs at least 2")
    return files


def digest(files: list[Path], sampling: Sampling) -> str:
    """A name for these photos, by name and size, under this sampling."""
    listing = [(path.name, path.stat().st_size) for path in files]
    return hashlib.sha256(json.dumps([listing, asdict(sampling)]).encode()).hexdigest()[:16]


def prepare(
    folder: str | os.PathLike[str],
    sampling: Sampling | None = None,
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Patches:
    """The patches of a folder of photos: read from the cache if they are there, else made and written there.

    `progress` is called with the photos done and their number. Raises ValueError if a photo cannot be read or no
    photo is large enough.
    """
    sampling = sampling or Sampling()
    files = photo_files(folder)
    name = digest(files, sampling)
    path = Path(cache or default_cache()) / f"patches-{name}.safetensors"
    if path.exists():
        return read_patches(path)
    random = np.random.default_rng(sampling.seed)
    crops: dict[bool, list[Crops]] = {False: [], True: []}
    for index, file in enumerate(files):
        held_out = index % sampling.holdout == sampling.holdout - 1 or (len(files) - index == 1 and not crops[True])
        crops[held_out].extend(_crops_of(photo.read(file).pixels, sampling, random))
        if progress:
            progress(index + 1, len(files))
    if not crops[False] or not crops[True]:
        raise ValueError(f"{folder}: too few photos of at least {sampling.size}×{sampling.size} pixels to train on")
    patches = Patches(np.stack(crops[False]), np.stack(crops[True]), name)
    write_patches(patches, path)
    return patches


def default_cache() -> Path:
    """Where patch files are kept: `$XDG_CACHE_HOME/thinlens`, by default `~/.cache/thinlens`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thinlens"


def write_patches(patches: Patches, path: str | os.PathLike[str]) -> None:
    """Write a patch file; it appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format": FORMAT, "digest": patches.digest}
    write_whole(to_bytes({"train": patches.train, "validation": patches.validation}, header), path, durable=False)


def read_patches(path: str | os.PathLike[str]) -> Patches:
    """Read a patch file. Raises ValueError if it is not one."""
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(f"{path} is not a thinlens patch file; delete it and train again")
            return Patches(file.get_tensor("train"), file.get_tensor("validation"), header["digest"])
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and train again") from None


def make_pairs(crops: Crops, scale: int, compression: Degradation | None = None, seed: int = 0) -> Pairs:
    """Shrink crops by MATLAB-style bicubic with antialiasing, rounded to 8 bits, and take the luma of both.

    With `compression` the low-resolution pictures are compressed in between, each of its draws a pair of its own.
    """
    if crops.shape[1] % scale:
        raise ValueError(f"crops of {crops.shape[1]} pixels do not shrink by {scale}; prepare them with another size")
    inner, outer = slice(MARGIN, -MARGIN), slice(MARGIN * scale, -MARGIN * scale)
    lows = shrink(crops, scale, compression, seed)
    low = np.stack([_luma(picture)[inner, inner] for picture in lows])
    high = np.stack([_luma(crop)[outer, outer] for crop in crops])
    return Pairs(low, np.tile(high, (len(low) // len(high), 1, 1)), scale)


def rounded(pairs: Pairs) -> Pairs:
    """The same with low-resolution luma of 8 bits, as integer programs see it."""
    levels = np.rint(pairs.low_resolution * np.float32(255))
    return Pairs(levels * np.float32(1 / 255), pairs.high_resolution, pairs.scale)


def stretch(crops: Crops, fraction: float, seed: int = 0) -> Crops:
    """The crops, this fraction of them with 1.5 to 4 times the contrast around some value of theirs, clipped to 0…255.

    The hardest edges of photos are soft beside those of drawings and letters, and a network that has not seen such
    can be far off there.
    """
    random = np.random.default_rng(seed)
    result = crops.copy()
    for index in np.flatnonzero(random.random(len(crops)) < fraction):
        crop = crops[index].astype(np.float32)
        center = np.quantile(crop, random.uniform(0.2, 0.8))
        contrast, middle = np.exp(random.uniform(np.log(1.5), np.log(4))), 127.5 + random.uniform(-40, 40)
        result[index] = np.clip((crop - center) * contrast + middle, 0, 255).round()
    return result


def shrink(crops: Crops, scale: int, compression: Degradation | None = None, seed: int = 0) -> Crops:
    """The low-resolution pictures alone, `(draws · N, size / scale, size / scale, 3)` uint8, sRGB-encoded."""
    low = np.stack([downscale(crop, scale) for crop in crops])
    if compression is None:
        return low
    return np.concatenate([compress(low, compression, seed + draw) for draw in range(compression.draws)])


def _luma(image: NDArray[Any]) -> NDArray[np.float32]:
    return (image.astype(np.float32) @ np.array(LUMA_WEIGHTS, np.float32)) * np.float32(1 / 255)


def _crops_of(pixels: NDArray[Any], sampling: Sampling, random: np.random.Generator) -> Iterator[Crops]:
    """Crops of one photo at its reductions, drawn with a probability that grows with their gradient."""
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    size = sampling.size
    # a photo that is too small for all reductions is still taken as it is
    for reduction in [r for r in sampling.reductions if min(pixels.shape[:2]) // r >= size] or [1]:
        height, width = (extent // reduction * reduction for extent in pixels.shape[:2])
        image = downscale(pixels[:height, :width], reduction) if reduction > 1 else pixels
        height, width = image.shape[:2]
        if height < size or width < size:
            return
        tops = random.integers(0, height - size + 1, CANDIDATES)
        lefts = random.integers(0, width - size + 1, CANDIDATES)
        detail = _detail(image, size, tops, lefts)
        chance = np.maximum(detail, 0.3)
        for index in random.choice(CANDIDATES, sampling.per_photo, replace=False, p=chance / chance.sum()):
            yield image[tops[index] : tops[index] + size, lefts[index] : lefts[index] + size].copy()


def _detail(image: NDArray[np.uint8], size: int, tops: NDArray[np.int64], lefts: NDArray[np.int64]) -> NDArray[Any]:
    """Mean absolute gradient, in 8-bit values, of the squares of `size` at these corners: about half of the area of
    photos is flat sky or sand, from which nothing is learned."""
    luma = _luma(image) * 255
    gradient = np.abs(np.diff(luma, axis=0))[:, :-1] + np.abs(np.diff(luma, axis=1))[:-1]
    total = np.pad(gradient, ((1, 0), (1, 0))).cumsum(0, dtype=np.float64).cumsum(1)
    bottoms, rights = tops + size - 1, lefts + size - 1
    return (total[bottoms, rights] - total[tops, rights] - total[bottoms, lefts] + total[tops, lefts]) / (size - 1) ** 2
