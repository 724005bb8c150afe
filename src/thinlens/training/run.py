"""A training run from a folder of photos to a checkpoint, resumable at any moment."""

from __future__ import annotations

import math
import os
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch

from .. import checkpoint, nets
from ..data.pairs import Sampling, make_pairs, prepare, rounded, stretch
from . import descent, least_squares
from .descent import Report
from .recipe import GradientDescent, LeastSquares, Recipe
from .state import StateFile


def default_recipe(identifier: str) -> Recipe:
    """For a network of which nothing else is known: least squares where it is of one layer, else SOAP."""
    module = nets.build(nets.parse(identifier))
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

    The state of the run is kept in `OUT.state` until it is finished; `resume` goes on from there, else it starts
    anew. `start` is a checkpoint of the same network to begin with, in the place of random weights; what recipe made it
    is kept in the provenance. `device` is a torch device, by default a GPU where there is one. With `compiled`, the
    steps of Adam and SOAP are made up to twice as fast by torch.compile, which takes a C++ compiler, or on a GPU become
    one graph of kernels.
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
    with _display("photos", progress) as show:
        patches = prepare(
            data, recipe.sampling, cache=cache, progress=lambda done, total: show(done, total, math.nan, math.nan)
        )
    pairs = make_pairs(stretch(patches.train, recipe.stretched, recipe.seed), config.scale)
    validation = make_pairs(patches.validation, config.scale)
    if module.whole_levels:
        pairs, validation = rounded(pairs), rounded(validation)
    key = " ".join([recipe.hash(), patches.digest, *begun.values()])
    state = StateFile(out.with_name(out.name + ".state"), key)
    if not resume:
        state.remove()
    psnr = math.nan
    with _display(recipe.id, progress) as show:

        def report(done: int, total: int, loss: float, value: float) -> None:
            nonlocal psnr
            psnr = psnr if math.isnan(value) else value
            show(done, total, loss, psnr)

        if isinstance(recipe.optimizer, LeastSquares):
            least_squares.fit(module, pairs, validation, recipe, state, report)
        else:
            descent.fit(module, pairs, validation, recipe, state, report, compiled)
    origin = {**begun, "recipe": recipe.hash(), "data": patches.digest, "thinlens": version("thinlens")}
    checkpoint.save(module, out, {**origin, "validation_psnr": round(psnr, 3)})
    state.remove()
    return psnr


def _start(module: nets.Network, path: str | os.PathLike[str]) -> dict[str, str]:
    """Fill a module with the weights of a checkpoint; returns what to say of it."""
    found, provenance = checkpoint.load(path)
    if found.config != module.config:
        raise ValueError(f"{path} is a checkpoint of {found.config}, not of {module.config}: start with one of these")
    module.load_state_dict(found.state_dict())
    return {"start": str(provenance.get("recipe", "unknown"))}


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
