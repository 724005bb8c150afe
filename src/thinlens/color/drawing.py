"""What a look has done to a photo, as one picture: before and after, histograms, curves, the color cube, weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..files import appearing
from .look import Look
from .lut3d import Lut3d

if TYPE_CHECKING:
    from ..photo import Photo

LONGEST = 720
"""Pixels along the longer side that photos are drawn with at most."""
CHANNELS = (("red", "tab:red"), ("green", "tab:green"), ("blue", "tab:blue"))
CUBE = 9
"""Colors along each side of the cube that is drawn."""


def draw(
    source: str | os.PathLike[str], target: str | os.PathLike[str], look: Look, path: str | os.PathLike[str]
) -> None:
    """Write a PNG file about a photo file, what it became, and its look; ImportError without matplotlib.

    The photos are drawn as they are stored, without their profiles.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ImportError("drawings need matplotlib: pip install 'thinlens[explain]'") from None
    from ..photo import read

    before, after = (_shrunk(read(file)) for file in (source, target))
    figure: Any = Figure(figsize=(15, 9), layout="constrained")
    places = figure.subplot_mosaic(
        [["before", "before", "after", "after"], ["histograms", "curves", "cube", "weights"]],
        height_ratios=[3, 2],
        per_subplot_kw={"cube": {"projection": "3d"}},
    )
    for name, picture in (("before", before), ("after", after)):
        places[name].imshow(picture)
        places[name].set_axis_off()
        places[name].set_title(f"{name}: {Path(source if name == 'before' else target).name}")
    _draw_histograms(places["histograms"], before, after)
    _draw_curves(places["curves"], look)
    _draw_cube(places["cube"], look)
    _draw_weights(places["weights"], look)
    with appearing(Path(path)) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def _draw_histograms(place: Any, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
    place.set_title("histograms: before dashed, after filled")
    for channel, (name, color) in enumerate(CHANNELS):
        counts = [np.bincount(picture[..., channel].ravel() // 4, minlength=64) for picture in (before, after)]
        place.plot(np.arange(64) * 4, np.sqrt(counts[0]), color=color, linestyle="--", linewidth=1)
        place.fill_between(np.arange(64) * 4, np.sqrt(counts[1]), color=color, alpha=0.3, label=name)
    place.set_yticks([])


def _draw_curves(place: Any, look: Look) -> None:
    """What becomes of grays, by channel."""
    grays = np.linspace(0, 1, 256, dtype=np.float32)
    colors = look(np.repeat(grays[None, :, None], 3, axis=2))[0]
    place.set_title("what grays become")
    place.plot([0, 1], [0, 1], color="gray", linestyle=":", linewidth=1)
    for channel, (name, color) in enumerate(CHANNELS):
        place.plot(grays, colors[:, channel], color=color, label=name)
    place.legend(fontsize="small")


def _draw_cube(place: Any, look: Look) -> None:
    """Evenly spaced colors, where they have gone and as what."""
    colors = np.clip(look(Lut3d.identity(CUBE).table.reshape(1, -1, 3))[0], 0, 1)
    place.set_title("the color cube after")
    place.scatter(*colors.T, c=colors, s=12, depthshade=False)
    place.set(xlabel="red", ylabel="green", zlabel="blue", xlim=(0, 1), ylim=(0, 1), zlim=(0, 1))


def _draw_weights(place: Any, look: Look) -> None:
    place.set_title(f"weights of {len(look.weights)} tables, strength {look.strength:g}")
    if look.weights:
        place.barh([str(number) for number in range(1, len(look.weights) + 1)], look.weights)
        place.axvline(0, color="gray", linewidth=1)
        place.invert_yaxis()
    else:
        place.text(0.5, 0.5, look.lut.title or "a table of its own", ha="center", va="center")
        place.set_axis_off()


def _shrunk(photo: Photo) -> NDArray[np.uint8]:
    """A photo as `(H, W, 3)` uint8, small enough to be drawn."""
    from ..photo import resize

    pixels = photo.pixels if photo.pixels.dtype == np.uint8 else (photo.pixels >> 8).astype(np.uint8)
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    small = resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))))
    return small if small.ndim == 3 else np.repeat(small[..., None], 3, axis=2)
