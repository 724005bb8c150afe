"""An explanation of a network: which sections it has, and how they are drawn."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import run
from ..program import Lookup, Program, is_program, table_picture
from ..program.ops import LUMA_WEIGHTS
from . import layers, page
from .layers import branch_shares, layers_at, liveliest
from .page import Section
from .templates import FLOOR, Templates, templates, wins

if TYPE_CHECKING:
    from ..nets import Network

LARGEST = 512
"""Pixels along the longer side of the part of a photo that is looked at."""
MOST = 16
"""Feature maps of a layer that are drawn."""


def explain(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    photo: str | os.PathLike[str] | None = None,
    *,
    scale: int | None = None,
    place: tuple[int, int] | None = None,
) -> None:
    """Write a page, `.html` or `.png`, about why a network works.

    `model` is a preset, an id, a program file, or a checkpoint, of which ECBSR's branches can still be told apart. Of
    networks of one layer it has the filters of every template and their frequency responses; of tables the tables as
    pictures. With a `photo` also what was taken where: the template that won at each pixel, the feature maps around
    `place`, (x, y) of the photo, by default where it is liveliest; and the source that the file would be taken for.
    Raises ValueError for another suffix, ImportError without matplotlib, OSError for files that cannot be read.
    """
    target = page.check(out)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {target}: create the folder {target.parent} first")
    if find_spec("matplotlib") is None:
        raise ImportError("explanations are drawn by matplotlib: pip install 'thinlens[explain]'")
    program, module = _opened(model, scale)
    found = templates(program)
    sections: list[Section] = []
    if found is not None:
        sections.append(_of_templates(found))
    if module is not None and (shares := branch_shares(module)) is not None:
        sections.append(_of_branches(shares))
    sections += _of_tables(program)
    if photo is not None:
        sections += _of_photo(program, Path(photo), place)
    if not sections:
        raise ValueError(f"{program.name} has no templates and no tables to draw; give a photo to see its feature maps")
    page.write(f"{program.name}, ×{program.scale}", sections, target)


def _opened(model: str | os.PathLike[str], scale: int | None) -> tuple[Program, Network | None]:
    """The program, and the network where the file is a checkpoint."""
    path = Path(model)
    if not path.is_file() or is_program(path):
        return run.load(str(model), scale), None
    from .. import bake, checkpoint, nets

    module, _ = checkpoint.load(path)
    return bake.fuse(nets.lower(module)), module


def _of_templates(found: Templates) -> Section:
    responses = found.responses()
    groups, count = found.kernels.shape[:2]
    figure, axes = _grid(2 * groups, count, 1.5)
    for group in range(groups):
        for index in range(count):
            kernel = found.kernels[group, index]
            limit = float(np.abs(kernel).max()) or 1.0
            axes[2 * group][index].imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axes[2 * group + 1][index].imshow(responses[group, index], cmap="magma", vmin=FLOOR, vmax=0)
            axes[2 * group][index].set_title(f"{found.groups[group]} {index + 1}", fontsize=8)
    text = (
        "Each template is a filter: what one pixel adds to the sub-pixels around it (red adds, blue takes away). Below "
        "it its frequency response in decibels, frequency 0 in the middle. "
    )
    if len(found.groups) > 1:
        text += "A value is weighed by how well its key, or the product of query and key, matches what is there."
    else:
        text += "At each sub-pixel the largest result is taken: the template that matches best."
    return Section("Templates and their frequency responses", text, figure)


def _of_branches(shares: dict[str, NDArray[np.float64]]) -> Section:
    figure = _figure(7, 3)
    place = figure.subplots()
    bottom = np.zeros(len(next(iter(shares.values()))))
    for name, share in shares.items():
        place.bar(np.arange(1, len(share) + 1), share, bottom=bottom, label=name)
        bottom = bottom + share
    place.set_xlabel("block")
    place.set_ylabel("share of the norm")
    place.legend(bbox_to_anchor=(1, 1), loc="upper left")
    text = "What each block is trained as, the sum of five branches, by the norm of each branch as one 3×3 kernel."
    return Section("Branches of each block", text, figure)


def _of_tables(program: Program) -> list[Section]:
    tables = [op for op in (program.uint8.ops if program.uint8 else ()) if isinstance(op, Lookup)]
    if not tables:
        return []
    figure, axes = _grid(1, len(tables), 4)
    for place, op in zip(axes[0], tables, strict=True):
        place.imshow(table_picture(op), cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="nearest")
        place.set_title(f"{op.table.shape[0]} × {op.table.shape[1]} rows of {op.table.shape[2]}", fontsize=8)
    text = (
        "What is looked up for 8-bit pictures. Indexed by two pixels, the first runs downwards and the second to the "
        "right, and the mean of a row is drawn; by one, a row is a row, table beside table."
    )
    return [Section("Tables", text, figure)]


def _of_photo(program: Program, path: Path, place: tuple[int, int] | None) -> list[Section]:
    luma, choice = _seen(path)
    if place is not None and not (0 <= place[0] < luma.shape[1] and 0 <= place[1] < luma.shape[0]):
        raise ValueError(f"the place {place[0]},{place[1]} is not in {path}, which has {luma.shape[1]}×{luma.shape[0]}")
    at = place or liveliest(luma)
    top, left = (
        max(0, min(where - LARGEST // 2, size - LARGEST)) for where, size in zip(at[::-1], luma.shape, strict=True)
    )
    part = luma[top : top + LARGEST, left : left + LARGEST]
    sections: list[Section] = []
    if (won := wins(program, part)) is not None:
        sections.append(_of_wins(part, *won))
    if not isinstance(templates(program), Templates):
        sections.append(_of_layers(program, luma, at))
    return [*sections, Section("What the file has been through", f"{path.name} is taken for {choice}.")]


def _of_wins(part: NDArray[np.float32], best: NDArray[np.intp], share: NDArray[np.float32]) -> Section:
    from matplotlib import colormaps

    figure = _figure(13, 4.5)
    axes = figure.subplots(1, 3, width_ratios=[3, 3, 2])
    colors = colormaps["tab20"](np.arange(len(share)) % 20)
    axes[0].imshow(part, cmap="gray", vmin=0, vmax=1)
    axes[1].imshow(colors[best][..., :3], interpolation="nearest")
    for each in axes[:2]:
        each.set_axis_off()
    axes[2].barh(np.arange(1, len(share) + 1), 100 * share, color=colors)
    axes[2].set_xlabel("% of the weight")
    axes[2].set_yticks(np.arange(1, len(share) + 1))
    axes[2].set_ylabel("template")
    axes[2].invert_yaxis()
    text = "The template with the most weight at each sub-pixel, in its color, and the mean weight of each."
    return Section("Which template wins where", text, figure)


def _of_layers(program: Program, luma: NDArray[np.float32], place: tuple[int, int]) -> Section:
    found = layers_at(program, luma, place)
    columns = min(MOST, max(len(layer.maps) for layer in found)) + 1
    figure, axes = _grid(len(found), columns, 1.1)
    for row, layer in zip(axes, found, strict=True):
        row[0].imshow(layers.window_at(luma, place), cmap="gray", vmin=0, vmax=1)
        row[0].set_title(layer.name, fontsize=7, loc="left")
        for each, feature in zip(row[1:], layer.maps, strict=False):
            each.imshow(feature, cmap="gray")
    text = f"What each layer makes of the pixels around {place[0]},{place[1]}; each map in its own range of gray."
    return Section("Feature maps at one place", text, figure)


def _seen(path: Path) -> tuple[NDArray[np.float32], str]:
    """The luma of a photo, `(H, W)` in [0, 1], and the source that it would be taken for."""
    from ..photo import read
    from ..sources import by_content, by_headers

    pixels = read(path).pixels
    choice = by_headers(path) or by_content([pixels], pixels.shape)
    peak = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    gray = pixels if pixels.ndim == 2 else pixels @ np.array(LUMA_WEIGHTS, np.float32)
    return (gray / peak).astype(np.float32), str(choice)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _grid(rows: int, columns: int, size: float) -> tuple[Any, Any]:
    """A figure of pictures without axes."""
    figure = _figure(max(4.0, size * columns), size * rows + 0.6)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place in axes.ravel():
        place.set_axis_off()
    return figure, axes
