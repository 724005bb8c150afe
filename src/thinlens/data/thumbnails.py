"""What color tables are trained on: thumbnails of photos, before and after retouching, in one compact file.

What a table does to a pixel depends on its color alone, so the 65,536 pixels of a thumbnail say of it what the whole
photo would. Of a folder of photos the good ones are the results, and `data.damage` makes their inputs. A folder with
`input` and `target` in it has both, as the pairs of MIT-Adobe FiveK are kept: file names say what belongs together.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .. import photo
from ..files import write_whole
from ..program import Thumbnail
from ..program.color_reference import thumbnail
from .damage import is_good, is_odd
from .pairs import default_cache, photo_files

FORMAT = "thinlens thumbnails 1"
INPUT, TARGET = "input", "target"
"""The folders of pairs."""

Pictures = NDArray[np.uint8]
"""`(N, size, size, 3)` uint8, sRGB-encoded."""


@dataclass(frozen=True, eq=False)
class Photos:
    """Thumbnails of photos that look as they should, and of photos to retouch.

    Trained in pairs, they are the same photos; else there may be more of one. Without `inputs` they are to be made of
    the targets. Of `odd`, pictures that are no photos, nothing else is to be made.
    """

    targets: Pictures
    inputs: Pictures | None = None
    odd: Pictures | None = None


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Photos to train on, photos to validate with, paired or targets alone, and the digest of their origin."""

    train: Photos
    validation: Photos
    digest: str


def prepare_thumbnails(
    folder: str | os.PathLike[str],
    size: int,
    holdout: int,
    *,
    paired: bool = True,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Thumbnails:
    """Thumbnails of `size`² pixels of a folder: from the cache if they are there, else made and written there.

    The folder holds photos, of which the good ones are taken (`damage.is_good`), or folders `input` and `target`. Every
    `holdout`-th photo or pair is for validation. Unless `paired`, photos without a counterpart are taken too.
    `progress` is called with the photos done and their number. Raises ValueError if a photo cannot be read or there are
    too few.
    """
    folder = Path(folder)
    if (folder / INPUT).is_dir() and (folder / TARGET).is_dir():
        inputs, targets = _by_name(folder / INPUT), _by_name(folder / TARGET)
        pairs = sorted(inputs.keys() & targets.keys())
        if len(pairs) < 2:
            raise ValueError(
                f"{folder} has {len(pairs)} photos of one name in {INPUT} and {TARGET}; it needs 2 or more"
            )
        held_out = _held_out(pairs, holdout)
        kept = [sorted(names.keys() - held_out if not paired else set(pairs) - held_out) for names in (inputs, targets)]
        validation = sorted(held_out)
        groups = {
            "train.inputs": [inputs[name] for name in kept[0]],
            "train.targets": [targets[name] for name in kept[1]],
            "validation.inputs": [inputs[name] for name in validation],
            "validation.targets": [targets[name] for name in validation],
        }
    else:
        groups = {"all": photo_files(folder)}
    listing = {group: [(file.name, file.stat().st_size) for file in files] for group, files in groups.items()}
    digest = hashlib.sha256(json.dumps([listing, size, holdout, paired]).encode()).hexdigest()[:16]
    path = Path(cache or default_cache()) / f"thumbnails-{digest}.safetensors"
    if path.exists():
        return read_thumbnails(path)
    total, done = sum(map(len, groups.values())), 0
    pictures: dict[str, Pictures] = {}
    for group, files in groups.items():
        made: list[Pictures] = []
        for file in files:
            made.append(_thumbnail(file, size))
            done += 1
            if progress:
                progress(done, total)
        pictures[group] = np.stack(made)
    if "all" in pictures:
        good = [picture for picture in pictures["all"] if is_good(picture.reshape(-1, 3))]
        if len(good) < 2:
            raise ValueError(
                f"{folder} holds {len(good)} photos good enough to learn from, 2 are needed: not clipped, flat"
            )
        held_out = _held_out(range(len(good)), holdout)
        pictures = {
            "train.targets": np.stack([picture for index, picture in enumerate(good) if index not in held_out]),
            "validation.targets": np.stack([good[index] for index in sorted(held_out)]),
            "train.odd": pictures["all"][[is_odd(picture.reshape(-1, 3)) for picture in pictures["all"]]],
        }
    thumbnails = _thumbnails(pictures, digest)
    write_thumbnails(thumbnails, path)
    return thumbnails


def write_thumbnails(thumbnails: Thumbnails, path: str | os.PathLike[str]) -> None:
    """Write a file of thumbnails; it appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = {"train": thumbnails.train, "validation": thumbnails.validation}
    arrays = {f"{name}.targets": photos.targets for name, photos in groups.items()}
    arrays |= {f"{name}.inputs": photos.inputs for name, photos in groups.items() if photos.inputs is not None}
    arrays |= {f"{name}.odd": photos.odd for name, photos in groups.items() if photos.odd is not None}
    write_whole(to_bytes(arrays, {"format": FORMAT, "digest": thumbnails.digest}), path, durable=False)


def read_thumbnails(path: str | os.PathLike[str]) -> Thumbnails:
    """Read a file of thumbnails. Raises ValueError if it is not one."""
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(f"{path} is not a thinlens file of thumbnails; delete it and train again")
            return _thumbnails({name: file.get_tensor(name) for name in file.keys()}, header["digest"])  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and train again") from None


def _thumbnails(pictures: dict[str, Pictures], digest: str) -> Thumbnails:
    train, validation = (
        Photos(pictures[f"{name}.targets"], pictures.get(f"{name}.inputs"), pictures.get(f"{name}.odd"))
        for name in ("train", "validation")
    )
    return Thumbnails(train, validation, digest)


def _by_name(folder: Path) -> dict[str, Path]:
    """Photos by their name without its ending, which may differ within a pair."""
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in photo.SUFFIXES}


def _held_out(items: Sequence[Any], holdout: int) -> set[Any]:
    """Every `holdout`-th, or the last where there are too few."""
    return set(items[holdout - 1 :: holdout] or items[-1:])


def _thumbnail(file: Path, size: int) -> Pictures:
    """`(size, size, 3)` as predictors see the photo, rounded to 8 bits."""
    pixels = photo.read(file).pixels
    peak = np.iinfo(pixels.dtype).max
    planes = np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels[None]
    small = thumbnail(Thumbnail(0, size), planes.astype(np.float32) * np.float32(255 / peak))
    rounded = np.clip(np.floor(small + np.float32(0.5)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(np.broadcast_to(rounded, (3, size, size)), 0, -1))
