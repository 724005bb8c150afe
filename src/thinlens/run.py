"""The whole way of a picture: a model's name to its program, the program to a pipeline, a photo through it and back."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import models, program
from .program import Convolution, PixelShuffle, Program
from .program.reference import bicubic_taps

if TYPE_CHECKING:
    from .photo import Photo
    from .pipelines import Compiled

Model: TypeAlias = str | os.PathLike[str] | Program
TORCH = (b"PK\x03\x04", b"\x80\x02\x8a\x0a")
"""How the files of torch.save begin: a zip, and what it wrote before 2020."""


def upscale(picture: NDArray[Any], scale: int | None = None, model: Model = "balanced") -> NDArray[Any]:
    """Make a picture larger; the pipeline is built at the first call and kept.

    `picture` is `(H, W)` luma or `(H, W, 3)` RGB, encoded as for display: uint8, uint16 or float32 in [0, 1], of
    any size and strides. Returns the same layout and dtype, `scale` times larger along each side; float32 is not
    clipped. Scale and model are as in `load`. Raises TypeError or ValueError for any other picture.
    """
    if not isinstance(picture, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a picture must be a NumPy array, got {type(picture).__name__}; run.upscale_file takes files")
    return compile(load(model, scale))(picture)


def upscale_photo(photo: Photo, scale: int | None = None, model: Model = "balanced") -> Photo:
    """Make a photo larger, its transparency by bicubic interpolation; metadata and resolution stay what they are."""
    from dataclasses import replace

    from .photo import bleed

    loaded = load(model, scale)
    if photo.alpha is None:
        return replace(photo, pixels=compile(loaded)(photo.pixels))
    pixels = compile(loaded)(bleed(photo.pixels, photo.alpha))
    return replace(photo, pixels=pixels, alpha=compile(_bicubic(loaded.scale))(photo.alpha))


def upscale_file(
    source: str | os.PathLike[str], target: str | os.PathLike[str], scale: int | None = None, model: Model = "balanced"
) -> None:
    """Make a photo file larger; the target's name says its format, and it appears whole or not at all.

    Raises OSError or ValueError with a sentence for the user where a file cannot be read or written.
    """
    from .photo import check_target, read, write

    loaded = load(model, scale)
    if Path(target).exists() and Path(target).samefile(source):
        raise ValueError(f"{target} is the photo to enlarge itself; give the result another name")
    check_target(target)
    write(upscale_photo(read(source), model=loaded), target)


def load(model: Model = "balanced", scale: int | None = None) -> Program:
    """The program of a preset (fast, balanced, fine), of a released id, or in a program file.

    Without a scale it is 2 for a preset and the model's own for all else. Raises ValueError for an unknown model,
    for a file that is no program, and for a model that has another scale.
    """
    if isinstance(model, Program):
        loaded = model
    elif str(model) in models.PRESETS:
        loaded = _read(models.path(str(model), 2 if scale is None else scale))
    else:
        file = Path(model)
        loaded = _read(file if file.suffix or len(file.parts) > 1 else models.path(str(model)))
    if scale not in (None, loaded.scale):
        raise ValueError(f"{loaded.name} enlarges {loaded.scale} times, not {scale}; leave the scale out or change it")
    return loaded


def compile(program: Program) -> Compiled:
    """The program as a function on pictures (see `Compiled`), kept for the next time it is asked for."""
    from . import pipelines

    return pipelines.compile(program)


def _read(path: Path) -> Program:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is a folder, not a model" if path.is_dir() else f"{path} does not exist")
    status = path.stat()
    return _read_unchanged(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _read_unchanged(path: Path, _modified: int, _size: int) -> Program:
    with open(path, "rb") as file:
        start = file.read(4)
    if start in TORCH:
        raise ValueError(f"{path} is a torch checkpoint, not a program; run: thinlens convert {path} -o PROGRAM")
    return program.load(path)


@lru_cache
def _bicubic(scale: int) -> Program:
    taps = bicubic_taps(scale)
    kernels = np.einsum("iy,jx->ijyx", taps, taps).reshape(scale**2, 1, *taps.shape[1:] * 2).astype(np.float32)
    return Program(f"Bicubic_s{scale}", (Convolution(0, kernels, padding="edge"), PixelShuffle(1, scale)))
