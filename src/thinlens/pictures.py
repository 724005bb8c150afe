"""Pictures as people have them: arrays of many kinds to those that the engine takes, and back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels import check_range

DTYPES = ("bool", "uint8", "uint16", "float16", "float32", "float64")
PIL_MODES = ("1", "L", "LA", "RGB", "RGBA", "F", "I;16", "I;16L", "I;16B")
"""Of PIL images: those whose array is the picture."""
CONVERTED = {"I": "I;16", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
"""What PIL images of other modes are to be converted to, where that is not RGB."""
CHANNELS = 4
"""That a picture has at most."""
HALF = 128
"""The level from which a mask that went through as black and white is true."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A picture in the terms of the engine.

    `pixels` is `(H, W)` or `(H, W, 3)`, uint8, uint16 or float32, and `alpha`, where there is one, `(H, W)` of the same
    dtype, not premultiplied; `given` is the array that they were taken from.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    given: NDArray[Any]

    def as_given(self, pixels: NDArray[Any], alpha: NDArray[Any] | None = None) -> NDArray[Any]:
        """What was made of pixels and alpha, in the layout and dtype of what was given, and in memory of its own."""
        made = pixels if alpha is None else np.dstack([pixels, alpha])
        if self.given.dtype == np.bool_:
            made = made >= HALF
        if self.given.shape[2:] == (1,):
            made = made[..., None]
        return made.astype(self.given.dtype, copy=np.may_share_memory(made, self.given))


def take(picture: object, files: str = "thinlens.upscale_file") -> Taken:
    """A picture in the terms of the engine.

    It may be `(H, W)` or `(H, W, 1)` gray, `(H, W, 2)` gray and alpha, `(H, W, 3)` RGB or `(H, W, 4)` RGB and alpha;
    uint8, uint16, or float16, float32 or float64 in [0, 1], of any byte order; or a mask, `(H, W)` or `(H, W, 1)` bool.
    What offers its pixels by `__array__` or DLPack, as PIL images and torch tensors do, is taken like that. Raises
    TypeError or ValueError, in a sentence that names the fix, for all else; `files` is the call that takes files.
    """
    given = _array(picture, files)
    _check(given, picture)
    samples = given[..., 0] if given.shape[2:] == (1,) else given
    if given.dtype == np.bool_:
        samples = samples.astype(np.uint8) * np.uint8(255)
    elif given.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused
            samples = samples.astype(np.float32, copy=False)
        check_range(samples)
    else:
        samples = samples.astype(given.dtype.newbyteorder("="), copy=False)
    if samples.ndim == 2 or samples.shape[2] == 3:
        return Taken(samples, None, given)
    return Taken(samples[..., 0] if samples.shape[2] == 2 else samples[..., :3], samples[..., -1], given)


def _array(picture: object, files: str) -> NDArray[Any]:
    name = type(picture).__name__
    if isinstance(picture, np.ma.MaskedArray):
        raise TypeError("a picture has no masked values: give picture.filled(0), or with another value")
    if isinstance(picture, np.ndarray):
        return picture
    if isinstance(picture, str | bytes | os.PathLike):
        raise TypeError(f"a picture must be an array, got {name}; {files} takes files")
    mode = getattr(picture, "mode", None)
    if isinstance(mode, str) and hasattr(picture, "getbands") and mode not in PIL_MODES:
        with_alpha = mode == "P" and "transparency" in getattr(picture, "info", ())
        other = "RGBA" if with_alpha else CONVERTED.get(mode, "RGB")
        raise TypeError(f"a PIL image of mode {mode} does not hold its colors: give picture.convert({other!r})")
    try:
        if hasattr(picture, "__array__") or hasattr(picture, "__array_interface__"):
            return np.asarray(picture)
        if hasattr(picture, "__dlpack__"):
            return np.from_dlpack(picture)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(f"this {name} does not give its pixels as an array: {error}") from None
    raise TypeError(f"a picture must be an array, got {name}: np.asarray makes one of rows, {files} takes files")


def _check(given: NDArray[Any], picture: object) -> None:
    shape, dtypes = given.shape, f"{', '.join(DTYPES[:-1])} or {DTYPES[-1]}"
    if given.dtype.name not in DTYPES:
        raise TypeError(f"a picture must be {dtypes}, got {given.dtype.name}: convert it with astype")
    if given.ndim == 3 and shape[2] > CHANNELS >= shape[0]:
        call = "picture.permute(1, 2, 0)" if hasattr(picture, "permute") else "np.moveaxis(picture, 0, -1)"
        raise ValueError(f"a picture has its channels last, got shape {shape}: give {call}")
    if given.ndim == 4:
        raise ValueError(f"pictures go through one by one, got shape {shape}: give picture[0], then the others")
    if given.ndim not in (2, 3) or (given.ndim == 3 and shape[2] > CHANNELS):
        layouts = "(H, W) gray or (H, W, 3) RGB, with alpha (H, W, 2) or (H, W, 4)"
        raise ValueError(f"a picture must be {layouts}, got shape {shape}")
    if 0 in shape:
        raise ValueError(f"a picture must have at least one pixel, got shape {shape}")
    if given.dtype == np.bool_ and shape[2:] not in ((), (1,)):
        raise ValueError(
            f"a mask must be (H, W), got shape {shape}: for black and white colors give picture * np.uint8(255)"
        )
