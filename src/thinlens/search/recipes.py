"""Recipes short enough for a thousand networks, and how much of the work of training each of them is."""

from __future__ import annotations

from functools import cache
from math import sqrt

from .. import nets
from ..data.pairs import Sampling
from ..training import GradientDescent, LeastSquares, Recipe
from ..training.least_squares import TRIAL_SHARE, TRIAL_STEPS, representatives, supports

RUNGS = (1 / 9, 1 / 3, 1.0)
"""Shares of a shortened recipe's work, the rungs of successive halving: of three that reach one, one goes on."""
SAMPLING = Sampling(per_photo=2, reductions=(2, 3))
STEPS, MOST_SAMPLES = 18, 120_000
FEWEST_STARTS, MOST_STARTS, START_WORK = 2, 8, 8e4
"""Random initializations, the more the smaller the network: START_WORK is squares of weights of all problems."""
WORK = 2.4e10
"""Squares of weights times samples of all problems of a network: some 15 seconds of one thread."""
FEWEST_SAMPLES = 25
"""For each weight, whatever the work: with fewer the fit learns its samples by heart."""
DESCENT = GradientDescent("soap", steps=800, batch=8, patch=48, learning_rate=1e-2)
"""A twentieth of the steps of the released models' recipes, of smaller batches."""


@cache
def shortened_recipe(identifier: str, share: float = 1.0) -> Recipe:
    """The recipe of a trial of the search, or one with a share of its work, as RUNGS has them.

    Least squares for one layer, 20 seconds of one thread and more only where FEWEST_SAMPLES asks for them; SOAP for all
    else, up to a minute. Less work is a whole training of less
    steps, with a schedule of its own, not the beginning of a longer one. Raises ValueError for an unknown network,
    one that is not trained and a share that is not in 0…1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of a recipe's work is above 0 and at most 1, got {share}")
    module = nets.build(nets.parse(identifier))
    if supports(module):
        weights, problems = _problems(module)
        samples = max(min(MOST_SAMPLES, WORK / (weights**2 * problems)), FEWEST_SAMPLES * weights)
        starts = min(MOST_STARTS, max(FEWEST_STARTS, START_WORK / (weights**2 * problems)))
        steps, samples, starts = (round(part * sqrt(share)) for part in (STEPS, samples, starts))
        optimizer = LeastSquares(steps, samples, starts)
    else:
        optimizer = GradientDescent(
            DESCENT.kind, max(1, round(DESCENT.steps * share)), DESCENT.batch, DESCENT.patch, DESCENT.learning_rate
        )
    return Recipe(identifier, optimizer, "log-mse", sampling=SAMPLING)


def work(recipe: Recipe) -> float:
    """The steps of a recipe's training, as a multiple of those of the shortened recipe of its network.

    A step of least squares counts by its samples; one that tries a random initialization has an eighth of them.
    """
    return _steps(recipe) / _steps(shortened_recipe(recipe.id))


def _steps(recipe: Recipe) -> float:
    match recipe.optimizer:
        case LeastSquares(steps=steps, samples=samples, starts=starts):
            return (steps + starts * TRIAL_STEPS / TRIAL_SHARE) * samples
        case GradientDescent(steps=steps, batch=batch):
            return steps * batch
        case other:
            raise ValueError(f"{recipe.id} is trained by {other.kind}, which the search does not use")


def _problems(module: nets.Network) -> tuple[int, int]:
    """Weights of each problem that a one-layer network falls apart into, and how many problems."""
    weights = sum(parameter.numel() for parameter in module.parameters())
    return weights // module.config.scale**2, len(representatives(module.config.scale))
