"""From a photo to its look: one for all photos, or one that a program chooses for each by its thumbnail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import Gathered, Prediction, chosen_table, mixed, predict
from ..program import Program, Thumbnail
from .look import Look, check_strength
from .lut3d import Lut3d

if TYPE_CHECKING:
    from ..photo import Profile


@dataclass(frozen=True, eq=False)
class Grading:
    """A look, or a program that chooses one, at a strength. Raises ValueError if the program chooses no table."""

    source: Program | Look
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_strength(self.strength)
        if isinstance(self.source, Program):
            if not self.source.adaptive:
                raise ValueError(f"{self.source.name} changes no colors, it enlarges: give it to thinlens upscale")
            chosen_table(self.source)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the thumbnails that it looks at."""
        if isinstance(self.source, Look):
            return ()
        return tuple(sorted({op.size for op in self.source.ops if isinstance(op, Thumbnail)}))

    def look(self, bands: Iterable[NDArray[Any]], shape: Sequence[int], profile: Profile | None = None) -> Look:
        """The look of a photo, in sRGB.

        It comes in bands of rows, `(rows, W)` or `(rows, W, channels)` with alpha last, uint8, uint16 or float32 in
        [0, 1]; `shape` is that of the whole, and `profile` its own. They are not read where one look is for all.
        """
        if isinstance(self.source, Look):
            return self.source
        gathered = {size: Gathered(shape, size) for size in self.sizes}
        top = 0
        for band in bands:
            for each in gathered.values():
                each.add(band, top)
            top += len(band)
        thumbnails = {size: _to_srgb(each.thumbnail(), profile) for size, each in gathered.items()}
        return self.look_at(thumbnails.__getitem__)

    def look_at(self, thumbnail: Callable[[int], NDArray[np.float32]]) -> Look:
        """The look of a picture by its thumbnail of any size, `(3, size, size)` float32, sRGB-encoded, in [0, 1]."""
        if isinstance(self.source, Look):
            return self.source
        return self._look(predict(self.source, thumbnail))

    def look_by(self, weights: Sequence[float]) -> Look:
        """The look with these weights of the basis tables; of none where one look is for all."""
        if isinstance(self.source, Look):
            return self.source
        return self._look(mixed(self.source, np.array(weights, np.float32)))

    def _look(self, prediction: Prediction) -> Look:
        assert isinstance(self.source, Program)
        last = chosen_table(self.source)
        lut = Lut3d(prediction.table, upper=(last.upper, last.upper, last.upper))
        return Look(lut, last.interpolation, self.strength, tuple(prediction.weights.tolist()))


def _to_srgb(thumbnail: NDArray[np.float32], profile: Profile | None) -> NDArray[np.float32]:
    """`(1, size, size)` gray or `(3, size, size)` RGB of a profile to `(3, size, size)` sRGB."""
    size = thumbnail.shape[1:]
    if profile is not None and not profile.is_srgb:
        colors = profile.to_srgb(thumbnail.reshape(len(thumbnail), -1).T)
        return np.ascontiguousarray(colors.T).reshape(3, *size)
    return np.broadcast_to(thumbnail, (3, *size))
