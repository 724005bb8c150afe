"""The protocol of super-resolution scores, and `evaluate`, which follows it.

The high-resolution picture is cropped to a multiple of the scale; the low-resolution one is made of it by MATLAB-style
bicubic with antialiasing, rounded to 8 bits, and enlarged by the call that users make; PSNR and SSIM are taken on the
studio-range luma, a border of `scale` pixels left out; the score of a set is the mean over its pictures. For scores of
compressed pictures the low-resolution one is saved as a JPEG file first, and its source chosen as for any file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..data.benchmarks import Benchmark, open_benchmark
from ..data.degrade import crop_to_multiple, downscale, upscale_bicubic
from ..photo import as_jpeg, decoded
from ..program import Program
from ..sources import AUTO, by_headers_of
from .metrics import SSIM_WINDOW, psnr, ssim

Image: TypeAlias = NDArray[Any]
Folder: TypeAlias = str | os.PathLike[str]
Model: TypeAlias = str | os.PathLike[str] | Program

Enlarging: TypeAlias = Callable[[Image, str], Image]
"""A function of a picture and its source."""

BICUBIC = "bicubic"
"""The model name of the yardstick: plain bicubic enlargement, as MATLAB's `imresize` does it."""


def studio_luma(image: Image) -> NDArray[np.float64]:
    """Luma in 16…235 of [BT601], not rounded, of `(H, W, 3)` RGB or `(H, W)` gray uint8."""
    if image.ndim == 2:
        return 16 + 219 / 255 * image.astype(np.float64)
    return 16 + image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


@dataclass(frozen=True)
class Protocol:
    """How scores are taken; the defaults are those of the super-resolution literature.

    `degrade` makes the low-resolution picture of the high-resolution one, `jpeg` is the quality, 1 to 100, of a JPEG
    file that it becomes (libjpeg's tables, 4:2:0; None: it stays as it is), `plane` makes the plane that is compared,
    `data_range` is the peak in PSNR and SSIM, `border` the number of pixels left out at each side (None: as many as the
    scale).
    """

    degrade: Callable[[Image, int], Image] = downscale
    plane: Callable[[Image], Image] = studio_luma
    data_range: float = 255
    border: int | None = None
    jpeg: int | None = None


@dataclass(frozen=True)
class ImageScore:
    """PSNR (dB) and SSIM of one picture."""

    name: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Score:
    """A model's scores on a set: mean PSNR (dB) and SSIM, and those of each picture.

    `known` tells whether the set is, byte for byte, the well-known one of that name; `jpeg` is the quality that the
    pictures were compressed with, None if they were not.
    """

    model: str
    scale: int
    data: str
    known: bool
    psnr: float
    ssim: float
    images: tuple[ImageScore, ...]
    jpeg: int | None = None


def evaluate(
    models: Model | Iterable[Model],
    data: Folder | Iterable[Folder],
    *,
    scale: int | None = None,
    jpeg: int | None = None,
    source: str | None = None,
    protocol: Protocol | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> list[Score]:
    """Score models (names, ids, program files or programs; also "bicubic") on folders of high-resolution pictures.

    Without `scale`, a preset and bicubic are scored at 2, 3 and 4, any other model at its own scale. `jpeg` takes the
    place of the protocol's; `source` is that of `thinlens.upscale`, by default "auto" for compressed pictures, as their
    files say it, and "clean" for others. At scale 1, compressed pictures are cleaned up. `progress` is told which model
    runs on which set. Raises ValueError or OSError for unknown models and folders without pictures.
    """
    protocol = protocol or Protocol()
    protocol = protocol if jpeg is None else replace(protocol, jpeg=jpeg)
    source = source or ("clean" if protocol.jpeg is None else AUTO)
    sets = [open_benchmark(folder) for folder in _several(data)]
    runs = [run for model in _several(models) for run in _runs(model, scale)]
    scores: list[Score] = []
    for name, factor, enlarge in runs:
        for benchmark in sets:
            progress(f"{name} ×{factor} on {benchmark.name}")
            scores.append(_score(name, factor, enlarge, benchmark, protocol, source))
    return scores


def score(model: str, scale: int, enlarge: Callable[[Image], Image], benchmark: Benchmark, protocol: Protocol) -> Score:
    """The score on one set of any function that enlarges uint8 pictures `scale` times, whatever their source."""
    return _score(model, scale, lambda low, _: enlarge(low), benchmark, protocol, "clean")


def _score(model: str, scale: int, enlarge: Enlarging, benchmark: Benchmark, protocol: Protocol, source: str) -> Score:
    """The score on one set of a function that enlarges uint8 pictures `scale` times, given their source."""
    images: list[ImageScore] = []
    for name, picture in benchmark.pictures():
        border = scale if protocol.border is None else protocol.border
        high = crop_to_multiple(picture, scale)
        if min(high.shape[:2]) < 2 * border + SSIM_WINDOW:
            raise ValueError(f"{benchmark.folder / name} is too small to be scored at ×{scale}; leave it out")
        result = enlarge(*_compressed(protocol.degrade(high, scale), protocol.jpeg, source))
        inside = (slice(border, high.shape[0] - border), slice(border, high.shape[1] - border))
        planes = protocol.plane(result)[inside], protocol.plane(high)[inside]
        of_planes = [metric(*planes, data_range=protocol.data_range) for metric in (psnr, ssim)]
        images.append(ImageScore(name, *of_planes))
    return Score(
        model,
        scale,
        benchmark.name,
        benchmark.known,
        float(np.mean([image.psnr for image in images])),
        float(np.mean([image.ssim for image in images])),
        tuple(images),
        protocol.jpeg,
    )


def _compressed(low: Image, quality: int | None, source: str) -> tuple[Image, str]:
    """A picture as a JPEG file shows it, and its source, if it is to be chosen, by that file."""
    if quality is None:
        return low, source
    file = as_jpeg(low, quality)
    choice = by_headers_of(file) if source == AUTO else None
    return decoded(file).reshape(low.shape), choice.source if choice else source


def _several(items: Any) -> Sequence[Any]:
    return [items] if isinstance(items, str | os.PathLike | Program) else list(items)


def _runs(model: Model, scale: int | None) -> list[tuple[str, int, Enlarging]]:
    """The id, scale and enlarging function of a model, once for every scale to be scored."""
    import thinlens

    if model == BICUBIC:
        scales = thinlens.models.SCALES if scale is None else (scale,)
        return [(BICUBIC, factor, lambda low, _, factor=factor: upscale_bicubic(low, factor)) for factor in scales]
    scales = thinlens.models.SCALES if scale is None and thinlens.models.named(str(model)) else (scale,)
    runs: list[tuple[str, int, Enlarging]] = []
    for factor in scales:
        if factor == 1 and model in thinlens.models.CLEANERS:
            runs.append((thinlens.models.CLEANERS[str(model)], 1, _enlarging(model, 1)))
        else:
            program = thinlens.load(model, factor)
            runs.append((program.name, program.scale, _enlarging(model, program.scale)))
    return runs


def _enlarging(model: Model, scale: int) -> Enlarging:
    import thinlens

    return lambda low, source: thinlens.upscale(low, scale=scale, model=model, source=source)
