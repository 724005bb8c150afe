"""A recipe: all that decides what a training run makes, in one frozen value."""

from __future__ import annotations

import hashlib
import json
import runpy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ..data.pairs import Sampling
from ..program import Padding
from .losses import Loss

Optimizer: TypeAlias = Literal["adam", "soap", "least-squares"]
Precision: TypeAlias = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Recipe:
    """How to train the network `id`; the data folder is given apart.

    `adam` takes `steps` steps of `batch` patches of `patch`² low pixels, the learning rate rising over the first
    twentieth and then falling to zero along a cosine; the result is the exponential moving average of the weights.
    `soap` does the same with steps that also follow the curvature of each layer [Vyas2024], which many-layer networks
    repay. With the `precision` bfloat16 layers compute in 16 bits while training, their weights stay float32. A part of
    the crops, `stretched`, is taken with more contrast than it has (`data.pairs.stretch`).
    `least-squares` (for one-layer networks) takes `samples` pixels for each sub-pixel position, tries `starts` random
    beginnings and improves the best for at most `steps` steps; with `grow` it does so first with smaller kernels, each
    the beginning of the next. `batch`, `patch`, `learning_rate`, `average` and `precision` do not matter to it.
    `log-mse` is the mean over patches of log(MSE), so that every patch counts alike, as every picture does in a mean
    of PSNR values; `floor`, in squared levels of 8 bits, is added to the MSE, which makes easy patches count less.
    """

    id: str
    optimizer: Optimizer = "adam"
    loss: Loss = "mse"
    steps: int = 20_000
    batch: int = 32
    patch: int = 48
    learning_rate: float = 5e-3
    average: float = 0.999
    samples: int = 1_000_000
    starts: int = 8
    grow: tuple[int, ...] = ()
    seed: int = 0
    padding: Padding = "edge"
    precision: Precision = "float32"
    stretched: float = 0.0
    floor: float = 20.0
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise ValueError(f"unknown loss {self.loss!r}; choose one of {', '.join(get_args(Loss))}")
        if self.optimizer not in get_args(Optimizer):
            raise ValueError(f"unknown optimizer {self.optimizer!r}; choose one of {', '.join(get_args(Optimizer))}")
        if self.precision not in get_args(Precision):
            raise ValueError(f"unknown precision {self.precision!r}; choose one of {', '.join(get_args(Precision))}")
        if self.optimizer == "least-squares" and self.loss == "l1":
            raise ValueError("least squares cannot minimize l1; choose mse or log-mse, or the optimizer adam")
        if min(self.steps, self.batch, self.patch, self.samples, self.starts) < 1:
            raise ValueError("steps, batch, patch, samples and starts must be at least 1")
        if self.floor <= 0:
            raise ValueError("floor must be above 0")
        if not 0 <= self.stretched <= 1:
            raise ValueError("stretched is a part of the crops, 0…1")
        if not 0 <= self.average < 1 or self.learning_rate <= 0:
            raise ValueError("average must be in 0…1 (1 excluded) and learning_rate above 0")

    @property
    def least_error(self) -> float:
        """`floor` for values in [0, 1]."""
        return self.floor / 255**2

    def hash(self) -> str:
        """Sixteen hexadecimal digits that change with any setting; settings added later change no older recipe's."""
        usual = asdict(Recipe(self.id))
        chosen = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return hashlib.sha256(json.dumps([self.id, chosen], sort_keys=True).encode()).hexdigest()[:16]


def load_recipe(path: str | Path) -> Recipe:
    """Run a recipe file, a Python file that sets `recipe`. Raises ValueError if it does not."""
    recipe = runpy.run_path(str(path)).get("recipe")
    if not isinstance(recipe, Recipe):
        raise ValueError(f"{path} is not a recipe: it must set recipe = Recipe(...)")
    return recipe
