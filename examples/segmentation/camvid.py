"""CamVid: road scenes in 11 classes, as arrays in memory.

G. J. Brostow, J. Fauqueur, R. Cipolla: Semantic object classes in video: A high-definition ground truth database.
Pattern Recognition Letters 30(2), 2009 [Brostow2009], in the 11 classes and 480×360 pixels of [Badrinarayanan2017].
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from thinlens import photo

CLASSES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
VOID = len(CLASSES)
"""The label of pixels that belong to none and count nowhere."""


@dataclass(frozen=True)
class Scenes:
    """`pictures` `(N, H, W, 3)` uint8, sRGB-encoded, and `labels` `(N, H, W)` uint8, numbers of classes or void."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def load(folder: Path, split: str, size: tuple[int, int]) -> Scenes:
    """The scenes of `folder/split` (train, val or test), with the labels in `folder/split_labels`, made `(W, H)` large.

    Pictures are shrunk with antialiasing, labels to that of the nearest pixel. Raises OSError for a missing file.
    """
    names = sorted(path.stem for path in (folder / split).glob("*.jpg"))
    if not names:
        raise FileNotFoundError(f"{folder / split} has no pictures: name the folder of CamVid with --data")
    pictures = [shrink(photo.read(folder / split / f"{name}.jpg").pixels, size) for name in names]
    labels = [nearest(photo.read(folder / f"{split}_labels" / f"{name}.png").pixels, size) for name in names]
    return Scenes(np.stack(pictures), np.stack(labels))


def shrink(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture `(H, W, 3)` made `(W, H)` large, with antialiasing."""
    planes = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    small = functional.interpolate(planes, size[::-1], mode="bilinear", align_corners=False, antialias=True)
    return small[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def nearest(labels: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Labels `(H, W)` made `(W, H)` large: those of the nearest pixels."""
    row, column = ((np.arange(n) * 2 + 1) * whole // (2 * n) for n, whole in zip(size[::-1], labels.shape, strict=True))
    return labels[row[:, None], column]


def class_weights(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(11,)`: the inverse of the root of each class's share, so that poles count beside the road; 1 on average."""
    share = np.bincount(labels.ravel(), minlength=VOID + 1)[:VOID].astype(np.float64)
    weights = 1 / np.sqrt(np.maximum(share, 1) / max(share.sum(), 1))
    return (weights / weights.mean()).astype(np.float32)
