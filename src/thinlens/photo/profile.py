"""Colors of photos with an ICC profile to sRGB and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from ..once import cached_property
from .forks import using_libvips

Colors = NDArray[np.float32]
PEAK = 65535
SAME = 1 / 255
"""How far a profile's colors may be from sRGB to be taken for it."""


@dataclass(frozen=True)
class Profile:
    """An ICC profile for colors of one channel, gray, or three, RGB.

    Colors are `(n, 1)` or `(n, 3)` float32 in [0, 1], encoded as the profile says; sRGB always has three channels.
    """

    data: bytes
    channels: int

    def to_srgb(self, colors: Colors) -> Colors:
        """Colors as sRGB, by relative colorimetry; what sRGB cannot hold is clamped."""
        image = self._embedded(_image(colors))
        connected = image.icc_import(embedded=True)  # in two steps, as back: then both ways round alike
        return _colors(connected.icc_export(output_profile="srgb", depth=16))

    def from_srgb(self, colors: Colors) -> Colors:
        """sRGB colors as this profile encodes them."""
        connected = _image(colors).icc_import(input_profile="srgb")
        return _colors(self._embedded(connected).icc_export(depth=16))

    @cached_property
    def usable(self) -> bool:
        """Whether colors can be converted both ways: the profile may be damaged, or for another kind of picture."""
        try:
            there = self.to_srgb(_samples(self.channels))
            back = self.from_srgb(there)
        except pyvips.Error:
            return False
        return there.shape[1] == 3 and back.shape[1] == self.channels

    @cached_property
    def is_srgb(self) -> bool:
        """Whether it is sRGB in all but name; one that is not usable passes for it, as no profile does."""
        samples = _samples(self.channels)
        return not self.usable or bool(np.abs(self.to_srgb(samples) - samples).max() <= SAME)

    def _embedded(self, image: pyvips.Image) -> pyvips.Image:
        image = image.copy()
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", cast(Any, self.data))
        return image


def _samples(channels: int) -> Colors:
    """Some colors of all kinds."""
    steps = np.linspace(0, 1, 6 if channels == 3 else 32)
    lattice = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), axis=-1)
    return np.asarray(lattice.reshape(-1, channels), np.float32)


def _image(colors: Colors) -> pyvips.Image:
    using_libvips()
    stored = np.rint(np.clip(colors, 0, 1) * PEAK).astype(np.uint16)
    kind = "grey16" if colors.shape[1] == 1 else "rgb16"
    return pyvips.Image.new_from_array(stored[None], interpretation=kind)


def _colors(image: pyvips.Image) -> Colors:
    stored: NDArray[Any] = image.numpy()
    return np.asarray(stored.reshape(-1, image.bands) / PEAK, np.float32)
