"""Pictures that are not libvips' to read, before they are decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from .forks import using_libvips
from .metadata import NOTHING, Metadata, Resolution

EXTRA = "thinlens[formats]"


@dataclass(frozen=True)
class Stored:
    """What the beginning of a file says: `size` is width and height.

    `decode` makes an image of libvips of the whole picture, and raises pyvips.Error if the file is damaged; not asked
    to be strict it takes what can be read. `notes` are sentences, without the name of the file, about what is left out.
    """

    size: tuple[int, int]
    decode: Callable[[bool], pyvips.Image]
    notes: tuple[str, ...] = ()
    metadata: Metadata = NOTHING
    resolution: Resolution = None


def image_from(samples: NDArray[Any], profile: bytes | None = None, kind: str | None = None) -> pyvips.Image:
    """`(H, W)` or `(H, W, channels)` as an image of libvips; `kind` is its interpretation, else gray or RGB."""
    using_libvips()
    gray = samples.ndim == 2 or samples.shape[2] == 2
    if kind is None and samples.dtype == np.uint16:
        kind = "grey16" if gray else "rgb16"
    kind = kind or ("b-w" if gray else "srgb")
    image = pyvips.Image.new_from_array(np.ascontiguousarray(samples), interpretation=kind)
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", cast(Any, profile))
    return image


def image_from_lab(colors: NDArray[Any]) -> pyvips.Image:
    """CIELAB of D50, `(H, W, 3)` with L from 0 to 100, as an image of libvips in sRGB of 8 bits."""
    using_libvips()
    image = pyvips.Image.new_from_array(np.ascontiguousarray(colors, np.float32), interpretation="lab")
    return image.icc_export(output_profile="srgb", depth=8)


def full_range(samples: NDArray[Any], bits: int) -> NDArray[np.uint16]:
    """Samples of so many bits as 16 bits, such that white is white."""
    return np.rint(samples * (65535 / ((1 << bits) - 1))).astype(np.uint16)


def straight(samples: NDArray[Any]) -> NDArray[Any]:
    """Colors that are premultiplied by alpha, the last channel, as they are without it; same dtype."""
    whole = samples.dtype.kind == "u"
    peak = np.iinfo(samples.dtype).max if whole else 1
    alpha = samples[..., -1:].astype(np.float64)
    colors = np.divide(samples[..., :-1] * float(peak), alpha, out=np.zeros(samples[..., :-1].shape), where=alpha > 0)
    colors = np.rint(np.clip(colors, 0, peak)) if whole else colors
    return np.concatenate([colors.astype(samples.dtype), samples[..., -1:]], axis=2)
