"""A recipe: all that decides what a training run makes, in one frozen value."""

from __future__ import annotations

import hashlib
import json
import runpy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from ..data.compression import Degradation
from ..data.damage import Damage
from ..data.pairs import Sampling
from ..program import Padding
from .losses import Loss

DescentKind: TypeAlias = Literal["adam", "soap"]
Precision: TypeAlias = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class GradientDescent:
    """For any network: `steps` steps on `batch` random patches of `patch`² low-resolution pixels.

    `soap` also follows the curvature of each layer [Vyas2024], which many-layer networks repay; `adam` does not. The
    learning rate rises over the first twentieth and then falls to zero along a cosine; the result is the exponential
    moving average of the weights, of decay `average`. With the `precision` bfloat16 layers compute in 16 bits while
    training, their weights stay float32.
    """

    kind: DescentKind = "adam"
    steps: int = 20_000
    batch: int = 32
    patch: int = 48
    learning_rate: float = 5e-3
    average: float = 0.999
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        _known("optimizer", self.kind, get_args(DescentKind))
        _known("precision", self.precision, get_args(Precision))
        if min(self.steps, self.batch, self.patch) < 1:
            raise ValueError("steps, batch and patch must be at least 1")
        if not 0 <= self.average < 1 or self.learning_rate <= 0:
            raise ValueError("average must be in 0…1 (1 excluded) and learning_rate above 0")


@dataclass(frozen=True)
class LeastSquares:
    """For networks of one layer: `samples` pixels for each sub-pixel position, `starts` random initializations, and at
    most `steps` steps that improve the best; with `grow` it is first fitted with smaller kernels, each the
    initialization of the next."""

    kind: ClassVar[str] = "least-squares"
    steps: int = 50
    samples: int = 1_000_000
    starts: int = 8
    grow: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.steps, self.samples, self.starts) < 1:
            raise ValueError("steps, samples and starts must be at least 1")


@dataclass(frozen=True)
class TableDescent:
    """For color tables: `steps` steps of AdamW [Loshchilov2019] on `batch` photos before and after retouching, `pixels`
    random pixels of each.

    To the loss are added, as in the article [Zeng2020], `smoothness` times the mean square of the weights and the total
    variation of each table, and `monotonicity` times the reversals of each table; where `steepest` is not 0, so many
    times also what of the table made for a photo is steeper along gray, or flat, falling or beyond white there. Rates,
    of the tables another than of the predictor, go as in `GradientDescent`; `decay` shrinks the predictor's weights.
    Color statistics are taken once, of `draws` crops of each photo, each damaged in its own way, a fraction `odd` of
    them instead of pictures that are no photos, which stay as they are; `noise` is the standard deviation of what is
    added to the statistics in each step.
    """

    kind: ClassVar[str] = "tables"
    steps: int = 20_000
    batch: int = 1
    pixels: int = 16_384
    learning_rate: float = 1e-4
    table_rate: float = 1e-4
    decay: float = 0.0
    smoothness: float = 1e-4
    monotonicity: float = 10.0
    steepest: float = 0.0
    draws: int = 40
    odd: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.pixels, self.draws) < 1:
            raise ValueError("steps, batch, pixels and draws must be at least 1")
        if not 0 <= self.odd <= 1:
            raise ValueError("odd is a fraction of the draws, 0…1")
        if min(self.learning_rate, self.table_rate) <= 0:
            raise ValueError("learning_rate and table_rate must be above 0")


@dataclass(frozen=True)
class CriticDescent:
    """For color tables, without pairs: `steps` steps of Adam [Kingma2015], each after one for a critic that tells
    retouched photos from results, on `batch` photos of either kind, as in the article [Zeng2020].

    The critic is that of Wasserstein GANs with a `gradient_penalty` [Gulrajani2017]. The loss of the tables is what it
    says, `fidelity` times the mean squared change of the photo, and the terms of `TableDescent`. The rate stays what it
    is for half of the steps and then falls to zero.
    """

    kind: ClassVar[str] = "critic"
    steps: int = 20_000
    batch: int = 1
    learning_rate: float = 2e-4
    fidelity: float = 1000.0
    gradient_penalty: float = 10.0
    smoothness: float = 1e-4
    monotonicity: float = 10.0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1:
            raise ValueError("steps and batch must be at least 1")
        if self.learning_rate <= 0:
            raise ValueError("learning_rate must be above 0")


Optimizer: TypeAlias = GradientDescent | LeastSquares | TableDescent | CriticDescent


@dataclass(frozen=True)
class Recipe:
    """How to train the network `id`; the data folder is given apart.

    `log-mse` is the mean over patches of log(MSE), so that every patch counts alike, as every picture does in a mean
    of PSNR values; `epsilon`, in squared 8-bit values, is added to the MSE, which makes easy patches count less. A
    fraction of the crops, `stretched`, is taken with more contrast than it has (`data.pairs.stretch`), and for each
    crop of a photo there are `drawings` rendered ones (`data.drawings`). With `compression` the low-resolution pictures
    have been JPEG files, or in a film. For color tables, `damage` makes inputs of good photos where there are no pairs.
    """

    id: str
    optimizer: Optimizer = field(default_factory=GradientDescent)
    loss: Loss = "mse"
    seed: int = 0
    padding: Padding = "edge"
    stretched: float = 0.0
    epsilon: float = 20.0
    sampling: Sampling = field(default_factory=Sampling)
    drawings: float = 0.0
    damage: Damage = field(default_factory=Damage)
    compression: Degradation | None = None

    def __post_init__(self) -> None:
        _known("loss", self.loss, get_args(Loss))
        if isinstance(self.optimizer, LeastSquares) and self.loss == "l1":
            raise ValueError("least squares cannot minimize l1; choose mse or log-mse, or the optimizer adam")
        if self.epsilon <= 0:
            raise ValueError("epsilon must be above 0")
        if not 0 <= self.stretched <= 1:
            raise ValueError("stretched is a fraction of the crops, 0…1")
        if self.drawings < 0:
            raise ValueError("drawings are so many for each crop of a photo, at least 0")

    @property
    def normalized_epsilon(self) -> float:
        """`epsilon` for values in [0, 1]."""
        return self.epsilon / 255**2

    def overridden(self, optimizer: str | None = None, steps: int | None = None, **common: Any) -> Recipe:
        """The same with all that is not None. Of `adam` and `soap` one takes the settings of the other; any other
        change of the optimizer starts from defaults."""
        chosen = self.optimizer
        if optimizer == LeastSquares.kind:
            chosen = chosen if isinstance(chosen, LeastSquares) else LeastSquares()
        elif optimizer is not None:
            kind = _known("optimizer", optimizer, (*get_args(DescentKind), LeastSquares.kind))
            chosen = replace(chosen, kind=kind) if isinstance(chosen, GradientDescent) else GradientDescent(kind)
        if steps is not None:
            chosen = replace(chosen, steps=steps)
        return replace(self, optimizer=chosen, **{name: value for name, value in common.items() if value is not None})

    def hash(self) -> str:
        """Sixteen hexadecimal digits that change with any setting; settings added later change no older recipe's."""
        kinds = (CriticDescent(), TableDescent(), LeastSquares(), GradientDescent())
        defaults = {name: value for kind in kinds for name, value in _flat(Recipe(self.id, kind)).items()}
        chosen = {name: value for name, value in _flat(self).items() if value != defaults[name]}
        return hashlib.sha256(json.dumps([self.id, chosen], sort_keys=True).encode()).hexdigest()[:16]


def _flat(recipe: Recipe) -> dict[str, Any]:
    """All settings in one dictionary, by the names under which the released models' recipes were hashed."""
    settings = {**asdict(recipe), **asdict(recipe.optimizer), "optimizer": recipe.optimizer.kind}
    settings["floor"] = settings.pop("epsilon")
    settings.pop("kind", None)
    return settings


def _known(setting: str, value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"unknown {setting} {value!r}; choose one of {', '.join(choices)}")
    return value


def load_recipe(path: str | Path) -> Recipe:
    """Run a recipe file, a Python file that sets `recipe`, or `recipes`, of which `FILE.py:NAME` is one.

    Raises ValueError if it does not.
    """
    file, suffix, name = str(path).rpartition(".py")
    found = runpy.run_path(file + suffix)
    recipes = found.get("recipes", {})
    if name and name[1:] not in recipes:
        raise ValueError(f"{file}{suffix} has no recipe {name[1:]!r}; it has {', '.join(recipes) or 'no recipes'}")
    recipe = recipes[name[1:]] if name else found.get("recipe")
    if not isinstance(recipe, Recipe):
        wanted = (
            f"name one of its recipes, as {path}:{next(iter(recipes))}"
            if recipes
            else "it must set recipe = Recipe(...)"
        )
        raise ValueError(f"{path} is not a recipe: {wanted}")
    return recipe
