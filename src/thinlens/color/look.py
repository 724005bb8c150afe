"""Looks: tables as they are applied to photos, and carried over to the encodings that photos have.

Tables are for sRGB. For a photo with another profile a table is carried over to its encoding; so its pixels are looked
up once and never converted, and what sRGB cannot hold keeps its distance from what it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..program import Interpolation
from .lut3d import Lut3d

if TYPE_CHECKING:
    from ..photo import Profile

Colors = NDArray[np.float32]
SIZES = (33, 65, 129)
"""Entries a side that a table may get in another encoding: the fewest with which no color is off by much."""
OFF = 1 / 512
PROBES = 4096


@dataclass(frozen=True, eq=False)
class Look:
    """A table, how it is interpolated, how much of it is done, from 0, nothing, to 1, and, if a program chose it, the
    weights of the basis tables that it was mixed with. Raises ValueError for another strength."""

    lut: Lut3d
    interpolation: Interpolation = "tetrahedral"
    strength: float = 1.0
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_strength(self.strength)

    def __call__(
        self, picture: NDArray[Any], out: NDArray[Any] | None = None, *, threads: int | None = None
    ) -> NDArray[Any]:
        """A picture with this look; see `Lut3d.apply`."""
        return self.lut.apply(picture, self.interpolation, strength=self.strength, out=out, threads=threads)

    def carried_over(self, profile: Profile | None) -> Look:
        """The same look for photos of a profile."""
        if profile is None or profile.is_srgb:
            return self

        def colors(before: Colors) -> Colors:
            """What becomes of colors `(n, channels)` of the profile: they move as far as their sRGB does."""
            there = profile.to_srgb(before)
            return before + profile.from_srgb(self(there[None])[0]) - profile.from_srgb(there)

        probes = np.random.default_rng(0).random((PROBES, profile.channels), np.float32)
        probes[::2] **= 4  # dark ones, where encodings differ most
        exact, found = colors(probes), self
        for size in SIZES:
            found = replace(self, lut=_table(colors, size, profile.channels), strength=1.0)
            three = np.broadcast_to(probes, (PROBES, 3))
            if np.abs(found(three[None])[0, :, : profile.channels] - exact).max() <= OFF:
                break
        return found


def check_strength(strength: float) -> None:
    """Raise ValueError unless a strength is from 0 to 1."""
    if not 0 <= strength <= 1:
        raise ValueError(f"the strength must be from 0 to 1, not {strength:g}")


def mean(looks: Sequence[Look]) -> Look:
    """One look for several photos: with the mean of their weights. Raises ValueError if there is none."""
    if not looks:
        raise ValueError("there are no photos to choose a look for")
    lut = Lut3d.mix([look.lut for look in looks], [1 / len(looks)] * len(looks))
    weights = np.mean([look.weights for look in looks], axis=0)
    return replace(looks[0], lut=lut, weights=tuple(weights.tolist()))


def _table(colors: Callable[[Colors], Colors], size: int, channels: int) -> Lut3d:
    """A function of colors as a table; of one of grays the mean of what becomes of red, green and blue alone.

    Along grays, all that a gray photo meets, that is the function itself, by either interpolation.
    """
    lattice = Lut3d.identity(size)
    if channels == 3:
        table = colors(lattice.table.reshape(-1, 3)).reshape(lattice.table.shape)
    else:
        curve = colors(np.linspace(0, 1, size, dtype=np.float32)[:, None])[:, 0]
        mixed = (curve[:, None, None] + curve[:, None] + curve) / 3
        table = np.repeat(mixed[..., None], 3, axis=-1)
    return replace(lattice, table=np.ascontiguousarray(table, np.float32))
