"""One-layer networks fitted by the Levenberg-Marquardt method: minutes on two cores instead of hours of descent.

A network that is one convolution, a pixel shuffle and a function of the channels at each pixel falls apart into scale²
independent problems, one for each sub-pixel position, of a few hundred weights each. Photographs have no preferred
orientation, so positions that a flip or a transposition carries into each other share one problem. With so few
weights the matrix of Gauss and Newton is cheap, and the convergence is that of a second-order method. For log-mse,
every step weighs the patches by the inverse of their error, which minimizes a bound that touches the logarithm.

[Levenberg1944], [Marquardt1963].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from ..data.pairs import Pairs
from .descent import Report, transformed, validation_psnr
from .recipe import LeastSquares, Recipe
from .state import StateFile

Position = tuple[int, int]
Combine = Callable[[Tensor], Tensor]

CHUNK = 16_384
"""Windows at a time: their Jacobian, windows × weights, should not outgrow a few tens of MB."""
TRIAL_SHARE, TRIAL_STEPS = 8, 25
"""Random initializations are compared on an eighth of the samples for this many steps."""
FIRST_DAMPING = 1e-2
CONVERGED = 1e-7
"""Relative improvement of the loss below which a step is the last."""


class OneLayer(Protocol):
    """What a network offers to be fitted this way; its forward is combine(pixel_shuffle(filter(picture)))."""

    filter: nn.Conv2d

    def combine(self, responses: Tensor, /) -> Tensor:
        """`(…, channels)` to `(…)`, each pixel on its own."""
        ...


@dataclass(frozen=True)
class Problem:
    """Windows `(patches, n, kernel²)` of low-resolution pixels and the high-resolution pixels `(patches, n)` that they
    should give.

    For log-mse `epsilon` is added to the error of a patch; for mse it is None.
    """

    windows: Tensor
    targets: Tensor
    combine: Combine
    epsilon: float | None

    def subset(self, share: int) -> Problem:
        """The same with one in `share` of the samples of each patch."""
        n = max(1, self.targets.shape[1] // share)
        return Problem(self.windows[:, :n], self.targets[:, :n], self.combine, self.epsilon)

    @property
    def kernel(self) -> int:
        """The width of the windows."""
        return math.isqrt(self.windows.shape[2])

    def narrowed(self, kernel: int) -> Problem:
        """The same with only the middle of each window."""
        border = (self.kernel - kernel) // 2
        if border == 0:
            return self
        square = self.windows.unflatten(2, (self.kernel, self.kernel))
        middle = square[:, :, border:-border, border:-border].flatten(2)
        return Problem(middle, self.targets, self.combine, self.epsilon)

    def errors(self, weight: Tensor) -> Tensor:
        """Mean squared error of each patch, for the filters `(kernel², channels)`."""
        parts = [
            (self.combine(windows @ weight) - targets).square().mean(1)
            for windows, targets in _chunks(self.windows, self.targets)
        ]
        return torch.cat(parts).double()

    def loss(self, errors: Tensor) -> float:
        return float(errors.mean() if self.epsilon is None else (errors + self.epsilon).log().mean())


def supports(module: nn.Module) -> bool:
    """Whether a network is of the one layer that can be fitted this way."""
    return hasattr(module, "combine") and isinstance(getattr(module, "filter", None), nn.Conv2d)


def fit(module: nn.Module, train: Pairs, validation: Pairs, recipe: Recipe, state: StateFile, report: Report) -> None:
    """Fit a one-layer network in place. Raises ValueError if the network is not of one layer."""
    if not supports(module):
        raise ValueError(f"{recipe.id} is not a network of one convolution; train it with the optimizer adam")
    assert isinstance(recipe.optimizer, LeastSquares)
    layer, method = cast(OneLayer, module), recipe.optimizer
    kernel, scale = layer.filter.kernel_size[0], train.scale
    channels = layer.filter.out_channels // scale**2
    positions = representatives(scale)
    if any(smaller % 2 == 0 or smaller >= kernel for smaller in method.grow):
        raise ValueError(f"{recipe.id} grows from smaller, odd kernels, not from {method.grow}")
    span = method.starts * TRIAL_STEPS + (len(method.grow) + 1) * method.steps
    device = layer.filter.weight.device
    tensors, numbers = state.load() or ({}, {"solved": 0})
    solved = {position: tensors[_name(position)].to(device) for position in positions[: numbers["solved"]]}
    for index in range(len(solved), len(positions)):

        def show(step: int, loss: float, weight: Tensor, index: int = index) -> None:
            psnr = math.nan
            if index == len(positions) - 1 and step % 10 == 0:
                assemble(layer.filter, {**solved, positions[index]: weight}, scale)
                psnr = validation_psnr(module, validation, kernel // 2)
            report(index * span + step, len(positions) * span, loss, psnr)

        problem = sample(train, kernel, positions[index], layer.combine, recipe, method.samples, device)
        kept = {_name(key): value for key, value in solved.items()}
        progress = _Progress(state, kept, tensors, numbers, show)
        solved[positions[index]] = _solve(problem, channels, method, recipe.seed, index, progress)
        tensors, numbers = {}, {}
    assemble(layer.filter, solved, scale)
    report(len(positions) * span, len(positions) * span, math.nan, validation_psnr(module, validation, kernel // 2))


@dataclass
class _Progress:
    """What one problem's solution needs to show itself and to go on after an interruption."""

    state: StateFile
    solved: dict[str, Tensor]
    tensors: dict[str, Tensor]
    numbers: dict[str, Any]
    show: Callable[[int, float, Tensor], None]


def _solve(problem: Problem, channels: int, method: LeastSquares, seed: int, index: int, progress: _Progress) -> Tensor:
    """Short trials from random initializations, a stage each, then the best one to the end, a stage for each kernel."""
    kernels = (*method.grow, problem.kernel)
    trial = problem.narrowed(kernels[0]).subset(TRIAL_SHARE)
    saved, device = progress.numbers, problem.targets.device
    best, best_loss = initialization(trial, channels, torch.Generator()), math.inf
    if "best" in progress.tensors:
        best, best_loss = progress.tensors["best"].to(device), float(saved["best_loss"])
    for stage in range(int(saved.get("stage", 0)), method.starts + len(kernels)):
        grown = stage - method.starts
        if grown < 0:
            current, steps = trial, TRIAL_STEPS
            random = torch.Generator().manual_seed(seed * 1000 + index * 100 + stage)
            state = Iterate(initialization(trial, channels, random), math.inf, FIRST_DAMPING, False)
        else:
            current, steps = problem.narrowed(kernels[grown]), method.steps
            state = Iterate(widened(best, kernels[grown]), best_loss, FIRST_DAMPING, False)
        taken = 0
        if saved.get("stage") == stage:
            weight = progress.tensors["weight"].to(device)
            state = Iterate(weight, saved["loss"], saved["damping"], saved["converged"])
            taken = int(saved["step"])
        before = min(stage, method.starts) * TRIAL_STEPS + max(grown, 0) * method.steps
        for found in levenberg_marquardt(current, state, steps - taken):
            state, taken = found, taken + 1
            if progress.state.due:
                tensors = {**progress.solved, "weight": state.weight, "best": best}
                place = {"solved": index, "stage": stage, "step": taken, "best_loss": best_loss}
                place |= {"loss": state.loss, "damping": state.damping, "converged": state.converged}
                progress.state.save(tensors, place)
            progress.show(before + taken, state.loss, widened(state.weight, problem.kernel))
        if grown >= 0 or state.loss < best_loss:
            best, best_loss = state.weight, state.loss
    return best


def widened(weight: Tensor, kernel: int) -> Tensor:
    """Filters `(smaller², channels)` as filters `(kernel², channels)` that compute the same: zeros around them."""
    old = math.isqrt(weight.shape[0])
    border = (kernel - old) // 2
    square = weight.view(old, old, -1)
    return nn.functional.pad(square, (0, 0, border, border, border, border)).reshape(kernel**2, -1)


@dataclass(frozen=True)
class Iterate:
    """Where the fit is: filters `(kernel², channels)`, their loss, the damping, whether nothing is left to gain."""

    weight: Tensor
    loss: float
    damping: float
    converged: bool


def levenberg_marquardt(problem: Problem, start: Iterate, steps: int) -> Iterator[Iterate]:
    """Steps of the method from a start, until none improves."""
    if start.converged:
        return
    weight, damping, errors = start.weight, start.damping, problem.errors(start.weight)
    for _ in range(steps):
        importance = torch.ones_like(errors) if problem.epsilon is None else 1 / (errors + problem.epsilon)
        importance = importance / importance.mean()
        matrix, gradient = normal_equations(problem, weight, importance.float())
        diagonal = matrix.diagonal().clamp_min(1e-9 * float(matrix.diagonal().max()))
        before = float((errors * importance).mean())
        while True:
            change = torch.linalg.solve(matrix + torch.diag(damping * diagonal), gradient)
            candidate = weight + change.reshape(weight.shape).to(weight.dtype)
            found = problem.errors(candidate)
            after = float((found * importance).mean())
            if after < before:
                break
            damping *= 4
            if damping > 1e8:
                return
        weight, errors, damping = candidate, found, max(damping / 3, 1e-7)
        converged = (before - after) / before < CONVERGED
        yield Iterate(weight, problem.loss(errors), damping, converged)
        if converged:
            return


def normal_equations(problem: Problem, weight: Tensor, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Jᵀ·J and Jᵀ·residual in float64; the Jacobian row of a window is the outer product of the window and of the
    derivatives of its pixel by the channels."""
    count = weight.numel()
    matrix = torch.zeros(count, count, device=weight.device)
    gradient = torch.zeros(count, device=weight.device)
    for windows, targets, factors in _chunks(problem.windows, problem.targets, importance):
        responses = (windows @ weight).requires_grad_()
        output = problem.combine(responses)
        (derivative,) = torch.autograd.grad(output.sum(), responses)
        root = factors.sqrt()[:, None]
        residual = (root * (targets - output.detach())).flatten()
        jacobian = (windows[..., :, None] * (root[..., None] * derivative)[..., None, :]).reshape(-1, count)
        matrix.addmm_(jacobian.T, jacobian)
        gradient += jacobian.T @ residual
    return matrix.double(), gradient.double()


def initialization(problem: Problem, channels: int, random: torch.Generator) -> Tensor:
    """Filters `(kernel², channels)`: noise without response to a flat picture, around the best linear filter for the
    values, the first channels, of which there may be any number."""
    windows, targets = problem.windows.flatten(0, 1).double(), problem.targets.flatten().double()
    square = windows.T @ windows
    ridge = 1e-6 * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype, device=square.device)
    linear = torch.linalg.solve(square + ridge, windows.T @ targets).float()
    noise = torch.randn(len(square), channels, generator=random).to(linear.device) * 3 / math.sqrt(len(square))
    noise -= noise.mean(0)
    # the response of the pixel to equal shifts of a channel tells values from logits: values add up to one
    flat = torch.full((1, channels), 0.5, device=linear.device).requires_grad_()
    (share,) = torch.autograd.grad(problem.combine(flat).sum(), flat)
    values = (share[0] > 0).to(linear.dtype)
    return torch.where(values.bool(), linear[:, None] + 0.1 * noise, noise)


def sample(
    pairs: Pairs, kernel: int, position: Position, combine: Combine, recipe: Recipe, samples: int, device: torch.device
) -> Problem:
    """Random windows of every patch, each patch under a random symmetry, and the high-resolution pixel at this
    position."""
    random = torch.Generator().manual_seed(recipe.seed)
    count = max(1, samples // len(pairs.low_resolution))
    windows: list[Tensor] = []
    targets: list[Tensor] = []
    for low, high in zip(*map(torch.from_numpy, (pairs.low_resolution, pairs.high_resolution)), strict=True):
        symmetry = torch.randint(8, (1,), generator=random)[0]
        views = transformed(low, symmetry).unfold(0, kernel, 1).unfold(1, kernel, 1)
        size = views.shape[0]
        y, x = torch.randint(size, (2, count), generator=random)
        windows.append(views[y, x].reshape(count, kernel**2))
        y, x = (y + kernel // 2) * pairs.scale + position[0], (x + kernel // 2) * pairs.scale + position[1]
        targets.append(transformed(high, symmetry)[y, x])
    epsilon = recipe.normalized_epsilon if recipe.loss == "log-mse" else None
    return Problem(torch.stack(windows).to(device), torch.stack(targets).to(device), combine, epsilon)


def representatives(scale: int) -> list[Position]:
    """One sub-pixel position for each class that flips and transpositions carry into each other."""
    middle = (scale + 1) // 2
    return [(y, x) for y in range(middle) for x in range(y, middle)]


def assemble(convolution: nn.Conv2d, solved: dict[Position, Tensor], scale: int) -> None:
    """Write the filters `(kernel², channels)` of the representatives into the convolution, at every position."""
    kernel = convolution.kernel_size[0]
    weight = convolution.weight.detach().view(-1, scale, scale, kernel, kernel)
    grid = torch.arange(scale**2).view(scale, scale)
    for symmetry in torch.arange(8):
        for position, filters in solved.items():
            y, x = (transformed(grid, symmetry) == grid[position]).nonzero()[0].tolist()
            weight[:, y, x] = transformed(filters.T.reshape(-1, kernel, kernel).to(weight), symmetry)


def _chunks(*arrays: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Some patches at a time, as many as make about CHUNK windows."""
    rows = max(1, CHUNK // arrays[1].shape[1])
    return zip(*(array.split(rows) for array in arrays), strict=True)


def _name(position: Position) -> str:
    return f"solved.{position[0]}.{position[1]}"
