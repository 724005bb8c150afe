"""Gradient descent on random patches, for any network: Adam, or SOAP, which also learns the curvature of each layer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import nets
from ..data.pairs import Pairs
from .losses import loss
from .recipe import GradientDescent, Recipe
from .soap import Soap, Stacks
from .state import StateFile

Report = Callable[[int, int, float, float], None]
"""Called with the steps done, the number of steps, the loss and the validation PSNR in dB; what is not known is NaN."""

ROUND = 10
"""Steps between two refreshes of SOAP's bases. What the steps of a round need is sent to the device at once."""


def fit(
    module: nets.Network,
    train: Pairs,
    validation: Pairs,
    recipe: Recipe,
    state: StateFile,
    report: Report,
    compiled: bool = False,
) -> None:
    """Train a module in place, on the device where it is; its weights end as their moving average."""
    descent = Descent(module, train, recipe, compiled)
    done, steps = descent.restore(state), descent.method.steps
    every = max(1, steps // 50)
    with flushed_denormals():  # vanishing weights of a softmax would take a hundred times as long
        while done < steps:
            before, done = done, min(done + ROUND, steps)
            descent.round(range(before, done))
            if state.due:
                state.save(descent.tensors(), {"step": done})
            if done // every > before // every or done == steps:
                psnr = validation_psnr(descent.average_module, validation, descent.border)
                report(done, steps, descent.loss.item(), psnr)
            else:
                report(done, steps, math.nan, math.nan)
    module.load_state_dict(descent.average_module.state_dict())


@contextmanager
def flushed_denormals() -> Generator[None, None, None]:
    """Numbers below the normal range are zero to this thread, within; torch does not say whether they were before."""
    before = float(torch.tensor(1e-40) * 1) == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


class Descent:
    """The weights on their way, their moving average and the optimizer.

    Where `compiled`, the loss is compiled on the CPU, and a whole step is one graph of kernels on a GPU.
    """

    def __init__(self, module: nets.Network, pairs: Pairs, recipe: Recipe, compiled: bool = False) -> None:
        assert isinstance(recipe.optimizer, GradientDescent)
        self.recipe, self.method, self.scale = recipe, recipe.optimizer, pairs.scale
        self.border = nets.lower(module).halo
        self.device = next(module.parameters()).device
        self.inputs = torch.from_numpy(pairs.low_resolution).to(self.device)
        self.targets = torch.from_numpy(pairs.high_resolution).to(self.device)
        # padded with zeros, which is fastest: the loss leaves out what the padding reaches
        self.module = nets.build(module.config, "zero").to(self.device)
        self.module.load_state_dict(module.state_dict())
        self.average_module = copy.deepcopy(self.module)
        self.weights, self.averages = Stacks(self.module), Stacks(self.average_module)
        self.optimizer = Soap(self.weights, self.method.kind == "soap")
        self.loss = torch.zeros((), device=self.device)
        self.cursor = torch.zeros((), dtype=torch.int64, device=self.device)
        self.places = torch.zeros(ROUND, self.method.batch, 4, dtype=torch.int64, device=self.device)
        self.rates, self.average_weights = (torch.zeros(ROUND, device=self.device) for _ in range(2))
        self.graph: torch.cuda.CUDAGraph | None = None
        self.as_graph = compiled and self.device.type == "cuda"
        self.loss_of = torch.compile(self._loss_of) if compiled and not self.as_graph else self._loss_of

    def round(self, steps: range) -> None:
        """Some steps, at most `ROUND`, and a refresh of the bases."""
        method = self.method
        places = np.stack([draw(method, self.recipe.seed, step, self.inputs.shape) for step in steps])
        rates = [method.learning_rate * learning_rate_factor(step / method.steps) for step in steps]
        average_weights = [average_weight(method.average, step) for step in steps]
        self.cursor.zero_()
        self.places[: len(steps)].copy_(torch.from_numpy(places))
        self.rates[: len(steps)].copy_(torch.tensor(rates))
        self.average_weights[: len(steps)].copy_(torch.tensor(average_weights))
        for step in steps:
            if self.graph:
                self.graph.replay()
            elif step == 0:
                self.optimizer.initialize(self.gradients())
                self.cursor.add_(1)
            else:
                self.step()
                if self.as_graph:
                    self.graph = captured(self.step)
        self.optimizer.refresh()

    def step(self) -> None:
        """One step, the one of the cursor."""
        gradients = self.gradients()
        self.optimizer.step(gradients, self.rates.index_select(0, self.cursor)[0])
        # not torch's AveragedModel, which reads its counter on the host in every step: no CUDA graph can hold that
        weight = self.average_weights.index_select(0, self.cursor)[0]
        for average, value in zip(self.averages.values, self.weights.values, strict=True):
            average.lerp_(value, weight)
        self.cursor.add_(1)

    def gradients(self) -> tuple[Tensor, ...]:
        """Of the loss on the patches of the cursor, for each parameter."""
        size = min(self.method.patch, self.inputs.shape[1])
        places = self.places.index_select(0, self.cursor)[0]
        inputs, targets = crop(self.inputs, places, size, 1), crop(self.targets, places, size, self.scale)
        loss = self.loss_of(inputs.contiguous(memory_format=torch.channels_last), targets)
        self.loss.copy_(loss.detach())
        return torch.autograd.grad(loss, self.weights.parameters)

    def _loss_of(self, inputs: Tensor, targets: Tensor) -> Tensor:
        reduced = self.method.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced, cache_enabled=False):
            outputs = self.module(inputs)
        outputs, targets = trim(outputs, targets, self.border * self.scale)
        return loss(self.recipe.loss, outputs, targets, self.recipe.normalized_epsilon)

    def tensors(self) -> dict[str, Tensor]:
        """All that a later run needs to go on."""
        kept = {f"optimizer.{name}": tensor for name, tensor in self.optimizer.tensors.items()}
        for name, stacks in (("weights", self.weights), ("averages", self.averages)):
            kept |= {f"{name}.{index}": value for index, value in enumerate(stacks.values)}
        return kept

    def restore(self, state: StateFile) -> int:
        """Go on from a saved state, if there is one; returns the number of steps done."""
        if (found := state.load()) is None:
            return 0
        tensors, numbers = found
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
        return int(numbers["step"])


def captured(step: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """The kernels of a step, which has run once before, as a graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        step()
    return graph


def average_weight(decay: float, step: int) -> float:
    """Of the new weights in their exponential moving average, which goes over a tenth of the run while that is short:
    with the full decay from the start, a thousand steps would not be enough to forget the first weights."""
    return max(1 - decay, 9 / (9 + step))


def learning_rate_factor(done: float) -> float:
    """One cycle, by the fraction of the run that is done: up over the first twentieth, then a cosine down to zero."""
    return done / 0.05 if done < 0.05 else 0.5 + 0.5 * math.cos(math.pi * (done - 0.05) / 0.95)


def draw(method: GradientDescent, seed: int, step: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """`(batch, 4)`: index, y, x and symmetry of the patches of a step among planes `(N, H, W)`, the same whenever
    asked."""
    random = np.random.default_rng((seed, step))
    size = min(method.patch, shape[1])
    ends = (shape[0], shape[1] - size + 1, shape[2] - size + 1, 8)
    return random.integers(0, ends, (method.batch, 4))


def crop(planes: Tensor, places: Tensor, size: int, scale: int) -> Tensor:
    """Patches `(B, 1, scale·size, scale·size)` of planes `(N, H, W)` at `places` in low-resolution pixels, each under
    its symmetry."""
    index, y, x, symmetry = places.unbind(1)
    patches = planes.unfold(1, size * scale, 1).unfold(2, size * scale, 1)[index, y * scale, x * scale]
    return transformed(patches, symmetry)[:, None]


def transformed(squares: Tensor, symmetry: Tensor) -> Tensor:
    """Squares `(…, n, n)`, each under its own of the eight symmetries of the square, `(…)`, or all under one: bit 0
    flips x, bit 1 flips y, bit 2 then transposes."""
    symmetry = symmetry[..., None, None]
    squares = torch.where((symmetry & 1).bool(), squares.flip(-1), squares)
    squares = torch.where((symmetry & 2).bool(), squares.flip(-2), squares)
    return torch.where((symmetry & 4).bool(), squares.mT, squares)


def trim(output: Tensor, target: Tensor, border: int) -> tuple[Tensor, Tensor]:
    """Both without the pixels that the padding reaches."""
    if border == 0:
        return output, target
    inner = (..., slice(border, -border), slice(border, -border))
    return output[inner], target[inner]


@torch.no_grad()
def validation_psnr(module: nn.Module, pairs: Pairs, border: int) -> float:
    """Mean PSNR in dB over the validation crops, of luma in [0, 1]."""
    device = next(module.parameters()).device
    both = (torch.from_numpy(planes)[:, None].split(16) for planes in (pairs.low_resolution, pairs.high_resolution))
    errors: list[Tensor] = []
    for inputs, targets in zip(*both, strict=True):
        output, target = trim(module(inputs.to(device)).clamp(0, 1), targets.to(device), border * pairs.scale)
        errors.append((output - target).square().mean((1, 2, 3)))
    return float((-10 * torch.cat(errors).clamp_min(1e-10).log10()).mean())
