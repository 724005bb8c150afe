"""Photos as they were before somebody made them look good: neutral, flat, too dark, too bright, of a wrong white.

There are no pairs of photos before and after retouching that released models may learn from. But the way back is known:
a raw conversion without taste has less saturation, less contrast, a lifted black, another exposure and now and then a
cast. So a good photo is the target, and what this module makes of it the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program.ops import LUMA_WEIGHTS

Colors = NDArray[np.uint8]
"""`(n, 3)` uint8, sRGB-encoded: colors of a photo, in any order."""


@dataclass(frozen=True)
class Damage:
    """How strong each part of the damage is; pairs are means and standard deviations, of values in [0, 1].

    A fraction `untouched` of the photos stays what it is, so that good photos stay good. Of the others, a fraction
    `pulled` gets a target whose black point, the 1 % quantile of its luma, is pulled to 0, as retouchers like it: not
    at all where `pull` is 0, all the way where it is 1. A fraction `casts` gets a strong cast instead of a weak one.
    Contrast is the logarithm of an exponent, the exposure the mean luma, which follows the photo's own by
    `exposure_slope`; a fraction `dark` has another. A fraction `mild` is damaged in part only, by 30 % or more.
    """

    untouched: float = 0.4
    mild: float = 0.6
    pulled: float = 0.8
    pull: float = 1.0
    saturation: tuple[float, float] = (0.73, 0.1)
    contrast: tuple[float, float] = (0.35, 0.3)
    black: tuple[float, float] = (0.05, 0.05)
    black_of_contrast: float = 0.18
    exposure: tuple[float, float] = (0.36, 0.07)
    exposure_slope: float = 0.45
    dark: float = 0.25
    dark_exposure: tuple[float, float] = (0.24, 0.12)
    casts: float = 0.2
    cast: float = 0.2
    weak_cast: float = 0.03

    def __post_init__(self) -> None:
        fractions = (self.untouched, self.mild, self.pulled, self.pull, self.casts, self.dark)
        if not all(0 <= fraction <= 1 for fraction in fractions):
            raise ValueError("untouched, mild, pulled, pull, casts and dark are fractions, 0…1")

    def apply(self, colors: Colors, random: np.random.Generator) -> tuple[Colors, Colors]:
        """Colors of a good photo to the same damaged, and to what is to be made of those: both of the same shape."""
        chances = (self.untouched, self.mild, self.pulled, self.casts, self.dark)
        untouched, mild, pulled, strong_cast, dark = (random.random() < chance for chance in chances)
        part = random.uniform(0.3, 1) if mild else 1.0
        saturation, contrast, black, red, blue, exposure = random.standard_normal(6)
        if untouched:
            return colors, colors
        photo = colors / 255
        saturation = np.clip(self.saturation[0] + self.saturation[1] * saturation, 0.45, 1.05)
        luma = photo @ np.array(LUMA_WEIGHTS)
        flat = luma[:, None] + saturation * (photo - luma[:, None])

        log_red = (self.cast if strong_cast else self.weak_cast) * red
        log_blue = -0.8 * log_red + 0.3 * (self.cast if strong_cast else self.weak_cast) * blue
        flat = np.clip(flat * np.exp([log_red, 0, log_blue]), 0, 1)

        log_exponent = np.clip(self.contrast[0] + self.contrast[1] * contrast, -0.3, 1)
        curved = flat ** np.exp(log_exponent)
        lifted = self.black[0] + self.black_of_contrast * np.clip(log_exponent - 0.1, 0, 1) + self.black[1] * black
        lifted = np.clip(lifted, 0, 0.25)

        middle, spread = self.dark_exposure if dark else self.exposure
        wanted = middle + self.exposure_slope * (luma.mean() - 0.43) + spread * exposure
        mean = (curved @ np.array(LUMA_WEIGHTS)).mean()
        white = lifted + (np.clip(wanted, 0.12, 0.7) - lifted) / max(mean, 1e-3)
        white = np.clip(white, lifted + 0.2, 1.15)
        damaged = np.clip(lifted + (white - lifted) * curved, 0, 1)
        target = _pull_black(photo, self.pull if pulled else 0)
        return _to_bytes(photo + part * (damaged - photo)), _to_bytes(photo + part * (target - photo))


def is_good(colors: Colors) -> bool:
    """Whether a photo with these colors is one to learn from.

    It is not if colors are clipped at white, much is black, it is nearly black or white, hazy or flat, or if it is no
    photo.
    """
    luma = (colors @ np.array(LUMA_WEIGHTS)) / 255
    return bool(
        (colors.max(axis=1) >= 253).mean() <= 0.003
        and (colors.max(axis=1) < 4).mean() <= 0.2
        and 0.15 <= luma.mean() <= 0.78
        and np.quantile(luma, 0.01) <= 0.12
        and _is_contrasty(colors)
        and not _is_odd(colors)
    )


def is_odd(colors: Colors) -> bool:
    """Whether a picture with these colors has contrast, but is none of a colorful world: one color covers a third of
    it, as in charts and drawings, or it is nearly gray."""
    return _is_contrasty(colors) and _is_odd(colors)


def _is_odd(colors: Colors) -> bool:
    chroma = (colors.max(axis=1).astype(float) - colors.min(axis=1)).mean() / 255
    coarse = (colors >> 3).astype(np.int64) @ np.array([1024, 32, 1])
    return bool(chroma < 0.03 or np.bincount(coarse).max() > 0.35 * len(colors))


def _is_contrasty(colors: Colors) -> bool:
    dark, bright = np.quantile(colors @ np.array(LUMA_WEIGHTS), (0.05, 0.95))
    return bool(bright - dark >= 0.4 * 255)


def _pull_black(photo: NDArray[Any], pull: float) -> NDArray[Any]:
    """White stays where it is."""
    black = np.quantile(photo @ np.array(LUMA_WEIGHTS), 0.01)
    return np.clip(1 - (1 - photo) * (1 - black * (1 - pull)) / (1 - black), 0, 1) if pull else photo


def _to_bytes(colors: NDArray[Any]) -> Colors:
    return np.clip(np.floor(colors * 255 + 0.5), 0, 255).astype(np.uint8)
