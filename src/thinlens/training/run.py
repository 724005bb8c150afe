"""A training run from a folder of photos to a checkpoint, resumable at any moment."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from .. import checkpoint, nets, program
from ..data.drawings import drawings
from ..data.pairs import Sampling, make_pairs, prepare, rounded, stretch
from ..data.thumbnails import prepare_thumbnails
from ..program import Program
from . import color_tables, critic, descent, entries, least_squares
from .descent import Report
from .recipe import CriticDescent, GradientDescent, LeastSquares, Recipe, TableDescent
from .state import StateFile

STATISTICS = TableDescent(
    steps=1000,
    batch=64,
    pixels=256,
    learning_rate=3e-3,
    table_rate=2e-3,
    decay=1.0,
    smoothness=0.1,
    steepest=1.9,
    odd=0.1,
    noise=0.05,
)
"""For color tables that are chosen by color statistics."""


def default_recipe(identifier: str) -> Recipe:
    """For a network of which nothing else is known: least squares where it is of one layer, else SOAP.

    Color tables are trained as in the article, without pairs if their id says so, or by color statistics.
    """
    module = nets.build(nets.parse(identifier))
    match module.config:
        case nets.adaptive_lut3d.Config(predictor="statistics"):
            return Recipe(identifier, STATISTICS, "log-mse", epsilon=65.0)
        case nets.adaptive_lut3d.Config(predictor="unpaired"):
            return Recipe(identifier, CriticDescent())
        case nets.adaptive_lut3d.Config():
            return Recipe(identifier, TableDescent())
        case _:
            pass
    sampling = Sampling(per_photo=2, reductions=(2, 3))
    if least_squares.supports(module):
        optimizer = LeastSquares(steps=50, samples=400_000, starts=4)
    else:
        optimizer = GradientDescent("soap", steps=8000, learning_rate=7e-3)
    return Recipe(identifier, optimizer, "log-mse", sampling=sampling)


def train(
    recipe: Recipe,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    start: str | os.PathLike[str] | None = None,
    resume: bool = True,
    device: str | None = None,
    compiled: bool = False,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> float:
    """Train a network on a folder of photos and write its checkpoint; returns its validation PSNR in dB.

    For color tables the folder may hold pairs, in the folders `input` and `target` (`data.thumbnails`).

    The state of the run is kept in `OUT.state` until it is finished; `resume` goes on from there, else it starts
    anew. `start` is a checkpoint of the same network, or its program, to begin with in the place of random weights;
    what recipe made it is kept in the provenance. `device` is a torch device, by default a GPU where there is one. With
    `compiled`, the steps of Adam and SOAP are made up to twice as fast by torch.compile, which takes a C++ compiler, or
    on a GPU become one graph of kernels.
    `cache` is the folder of the patch file. Raises ValueError if the photos, the recipe or the state do not fit,
    OSError if `out` cannot be written.
    """
    out = Path(out)
    if not out.parent.is_dir():
        raise FileNotFoundError(f"cannot write {out}: the folder {out.parent} does not exist; create it first")
    config = nets.parse(recipe.id)
    torch.manual_seed(recipe.seed)
    module, begun = nets.build(config, recipe.padding), dict[str, str]()
    if start is not None:
        begun = _start(module, start)
    module = module.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(f"{recipe.id} has nothing to train; thinlens convert and upscale take it as it is")
    state = StateFile(out.with_name(out.name + ".state"), begun.get("start", ""))
    if not resume:
        state.remove()
    if isinstance(module, nets.adaptive_lut3d.Network):
        digest, psnr = _fit_colors(module, recipe, Path(data), state, cache, compiled, progress)
    else:
        digest, psnr = _fit_upscaler(module, recipe, Path(data), state, cache, compiled, progress)
    origin = {**begun, "recipe": recipe.hash(), "data": digest, "thinlens": version("thinlens")}
    checkpoint.save(module, out, {**origin, "validation_psnr": round(psnr, 3)})
    state.remove()
    return psnr


ENTRIES = GradientDescent("adam", steps=1500, batch=16, patch=32, learning_rate=0.03)
"""Of the entries of tables; the learning rate is in entries."""


def fine_tuned(
    program: Program, data: str | os.PathLike[str], recipe: Recipe | None = None, *, progress: bool = True
) -> Program:
    """The program with tables whose entries are trained on a folder of photos (`entries.fine_tune`).

    The provenance gets the hash of the recipe and the digest of the photos. Raises ValueError if it has no tables.
    """
    if (why := entries.supports(program)) is not None:
        raise ValueError(why)
    recipe = recipe or Recipe(program.name, ENTRIES, "log-mse", sampling=Sampling(per_photo=3, reductions=(2, 3)))
    with _display("photos", progress) as show:
        patches = prepare(data, recipe.sampling, progress=_counted(show))
    train, validation = (rounded(make_pairs(crops, program.scale)) for crops in (patches.train, patches.validation))
    with _display(program.name, progress) as show:
        made = entries.fine_tune(program, train, validation, recipe, show)
    origin = {"entries_recipe": recipe.hash(), "entries_data": patches.digest}
    return replace(made, provenance={**made.provenance, **origin})


def _start(module: nets.Network, path: str | os.PathLike[str]) -> dict[str, str]:
    """Fill a module with the weights of a checkpoint or a program; returns what to say of it."""
    if program.is_program(path):
        found = program.load(path)
        if found.name != str(module.config):
            raise ValueError(f"{path} is a program of {found.name}, not of {module.config}: start with one of these")
        module.take(found)
        return {"start": found.provenance.get("recipe", "unknown")}
    trained, provenance = checkpoint.load(path)
    if trained.config != module.config:
        raise ValueError(f"{path} is a checkpoint of {trained.config}, not of {module.config}: start with one of these")
    module.load_state_dict(trained.state_dict())
    return {"start": str(provenance.get("recipe", "unknown"))}


Folder: TypeAlias = str | os.PathLike[str] | None


def _fit_upscaler(
    module: nets.Network, recipe: Recipe, data: Path, state: StateFile, cache: Folder, compiled: bool, progress: bool
) -> tuple[str, float]:
    """Train on crops and what they are shrunk to; the digest of the data and the validation PSNR."""
    method, scale = recipe.optimizer, module.config.scale
    if not isinstance(method, LeastSquares | GradientDescent):
        raise ValueError(f"{recipe.id} makes pictures larger: its optimizer must be GradientDescent or LeastSquares")
    with _display("photos", progress) as show:
        patches = prepare(data, recipe.sampling, cache=cache, progress=_counted(show))
    crops = stretch(patches.train, recipe.stretched, recipe.seed)
    drawn = drawings(round(recipe.drawings * len(crops)), recipe.sampling.size, recipe.seed)
    pairs = make_pairs(np.concatenate([crops, drawn]), scale, recipe.compression, recipe.seed)
    once = recipe.compression and replace(recipe.compression, draws=1)
    validation = make_pairs(patches.validation, scale, once)
    if module.whole_levels:
        pairs, validation = rounded(pairs), rounded(validation)
    state.key = f"{recipe.hash()} {patches.digest} {state.key}".strip()
    with _display(recipe.id, progress) as show:
        following = _Following(show)
        if isinstance(method, LeastSquares):
            least_squares.fit(module, pairs, validation, recipe, state, following)
        else:
            descent.fit(module, pairs, validation, recipe, state, following, compiled)
    return patches.digest, following.psnr


def _fit_colors(
    module: nets.adaptive_lut3d.Network,
    recipe: Recipe,
    data: Path,
    state: StateFile,
    cache: Folder,
    compiled: bool,
    progress: bool,
) -> tuple[str, float]:
    """Train on photos before and after retouching; the digest of the data and the validation PSNR."""
    paired = module.config.predictor != "unpaired"
    wanted = TableDescent if paired else CriticDescent
    if not isinstance(recipe.optimizer, wanted):
        raise ValueError(f"{recipe.id} makes color tables: its optimizer must be {wanted.__name__}")
    if compiled:
        raise ValueError(f"{recipe.id} makes color tables: steps of their training are not compiled; leave that out")
    size, holdout = nets.adaptive_lut3d.THUMBNAIL, recipe.sampling.holdout
    with _display("photos", progress) as show:
        photos = prepare_thumbnails(data, size, holdout, paired=paired, cache=cache, progress=_counted(show))
    state.key = f"{recipe.hash()} {photos.digest} {state.key}".strip()
    with _display(recipe.id, progress) as show:
        following = _Following(show)
        fit = color_tables.fit if paired else critic.fit
        fit(module, photos.train, photos.validation, recipe, state, following)
    return photos.digest, following.psnr


@dataclass
class _Following:
    """Shows reports and keeps the last validation PSNR."""

    show: Report
    psnr: float = math.nan

    def __call__(self, done: int, total: int, loss: float, psnr: float) -> None:
        self.psnr = self.psnr if math.isnan(psnr) else psnr
        self.show(done, total, loss, self.psnr)


def _counted(show: Report) -> Callable[[int, int], None]:
    return lambda done, total: show(done, total, math.nan, math.nan)


@contextmanager
def _display(title: str, visible: bool) -> Generator[Report, None, None]:
    """A progress bar on standard error with the time left, the last loss and the last validation PSNR."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not visible) as bar:
        task = bar.add_task(title, total=None, figures="")
        loss_text = psnr_text = ""

        def show(done: int, total: int, loss: float, psnr: float) -> None:
            nonlocal loss_text, psnr_text
            loss_text = loss_text if math.isnan(loss) else f"loss {loss:.4g}"
            psnr_text = psnr_text if math.isnan(psnr) else f"validation {psnr:.2f} dB"
            bar.update(task, completed=done, total=total, figures=f"{loss_text} {psnr_text}")

        yield show
