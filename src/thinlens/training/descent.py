"""Gradient descent on random patches, for any network: Adam, or SOAP, which also learns the curvature of each layer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import nets
from ..data.pairs import Pairs
from .losses import loss
from .recipe import Recipe
from .soap import Soap, Stacks
from .state import StateFile

Report = Callable[[int, int, float, float], None]
"""Called with the steps done, the number of steps, the loss and the validation PSNR in dB; what is not known is NaN."""

ROUND = 10
"""Steps between two turns of SOAP's bases. What the steps of a round need is sent to the device at once."""


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
    torch.set_flush_denormal(True)  # vanishing weights of a softmax would take a hundred times as long
    descent = Descent(module, train, recipe, compiled)
    done = descent.restore(state)
    border = descent.border
    every = max(1, recipe.steps // 50)
    while done < recipe.steps:
        before, done = done, min(done + ROUND, recipe.steps)
        descent.round(range(before, done))
        if state.due:
            state.save(descent.tensors(), {"step": done})
        if done // every > before // every or done == recipe.steps:
            loss = descent.loss.item()
            report(done, recipe.steps, loss, validation_psnr(descent.average_module, validation, border))
        else:
            report(done, recipe.steps, math.nan, math.nan)
    module.load_state_dict(descent.average_module.state_dict())


class Descent:
    """The weights on their way, their moving average and the optimizer.

    Where `compiled`, the loss is compiled on the CPU, and a whole step is one graph of kernels on a GPU.
    """

    def __init__(self, module: nets.Network, pairs: Pairs, recipe: Recipe, compiled: bool = False) -> None:
        self.recipe, self.scale = recipe, pairs.scale
        self.border = nets.lower(module).halo
        self.device = next(module.parameters()).device
        self.low, self.high = (torch.from_numpy(array).to(self.device) for array in (pairs.low, pairs.high))
        # padded with zeros, which is fastest: the loss leaves out what the padding reaches
        self.module = nets.build(module.config, "zero").to(self.device)
        self.module.load_state_dict(module.state_dict())
        self.average_module = copy.deepcopy(self.module)
        self.weights, self.averages = Stacks(self.module), Stacks(self.average_module)
        self.optimizer = Soap(self.weights, recipe.optimizer == "soap")
        self.loss = torch.zeros((), device=self.device)
        self.cursor = torch.zeros((), dtype=torch.int64, device=self.device)
        self.places = torch.zeros(ROUND, recipe.batch, 4, dtype=torch.int64, device=self.device)
        self.rates, self.parts = (torch.zeros(ROUND, device=self.device) for _ in range(2))
        self.graph: torch.cuda.CUDAGraph | None = None
        self.as_graph = compiled and self.device.type == "cuda"
        self.loss_of = torch.compile(self._loss_of) if compiled and not self.as_graph else self._loss_of

    def round(self, steps: range) -> None:
        """Some steps, at most `ROUND`, and a turn of the bases."""
        recipe = self.recipe
        places = np.stack([draw(recipe, step, self.low.shape) for step in steps])
        rates = [recipe.learning_rate * learning_rate_factor(step / recipe.steps) for step in steps]
        parts = [average_part(recipe.average, step) for step in steps]
        self.cursor.zero_()
        self.places[: len(steps)].copy_(torch.from_numpy(places))
        self.rates[: len(steps)].copy_(torch.tensor(rates))
        self.parts[: len(steps)].copy_(torch.tensor(parts))
        for step in steps:
            if self.graph:
                self.graph.replay()
            elif step == 0:
                self.optimizer.begin(self.gradients())
                self.cursor.add_(1)
            else:
                self.step()
                if self.as_graph:
                    self.graph = captured(self.step)
        self.optimizer.turn()

    def step(self) -> None:
        """One step, the one of the cursor."""
        gradients = self.gradients()
        self.optimizer.step(gradients, self.rates.index_select(0, self.cursor)[0])
        part = self.parts.index_select(0, self.cursor)[0]
        for average, value in zip(self.averages.values, self.weights.values, strict=True):
            average.lerp_(value, part)
        self.cursor.add_(1)

    def gradients(self) -> tuple[Tensor, ...]:
        """Of the loss on the patches of the cursor, for each parameter."""
        size = min(self.recipe.patch, self.low.shape[1])
        places = self.places.index_select(0, self.cursor)[0]
        inputs, targets = crop(self.low, places, size, 1), crop(self.high, places, size, self.scale)
        loss = self.loss_of(inputs.contiguous(memory_format=torch.channels_last), targets)
        self.loss.copy_(loss.detach())
        return torch.autograd.grad(loss, self.weights.parameters)

    def _loss_of(self, inputs: Tensor, targets: Tensor) -> Tensor:
        reduced = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced, cache_enabled=False):
            outputs = self.module(inputs)
        outputs, targets = trim(outputs, targets, self.border * self.scale)
        return loss(self.recipe.loss, outputs, targets, self.recipe.least_error)

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


def average_part(decay: float, step: int) -> float:
    """The part of new weights in their exponential moving average, which goes over a tenth of the run while that is
    short: with the full decay from the start, a thousand steps would not be enough to forget the first weights."""
    return max(1 - decay, 9 / (9 + step))


def learning_rate_factor(part: float) -> float:
    """One cycle: up over the first twentieth of the run, then a cosine down to zero."""
    return part / 0.05 if part < 0.05 else 0.5 + 0.5 * math.cos(math.pi * (part - 0.05) / 0.95)


def draw(recipe: Recipe, step: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """`(batch, 4)`: index, y, x and turn of the patches of a step among maps `(N, H, W)`, the same whenever asked."""
    random = np.random.default_rng((recipe.seed, step))
    size = min(recipe.patch, shape[1])
    ends = (shape[0], shape[1] - size + 1, shape[2] - size + 1, 8)
    return random.integers(0, ends, (recipe.batch, 4))


def crop(maps: Tensor, places: Tensor, size: int, scale: int) -> Tensor:
    """Patches `(B, 1, scale·size, scale·size)` of maps `(N, H, W)` at `places` in low pixels, turned."""
    index, y, x, turn = places.unbind(1)
    patches = maps.unfold(1, size * scale, 1).unfold(2, size * scale, 1)[index, y * scale, x * scale]
    turn = turn[:, None, None]
    patches = torch.where((turn & 1).bool(), patches.flip(-1), patches)
    patches = torch.where((turn & 2).bool(), patches.flip(-2), patches)
    return torch.where((turn & 4).bool(), patches.mT, patches)[:, None]


def turned(planes: Tensor, turn: int) -> Tensor:
    """One of the eight symmetries of the square: bit 0 flips x, bit 1 flips y, bit 2 then transposes."""
    if turn & 1:
        planes = planes.flip(-1)
    if turn & 2:
        planes = planes.flip(-2)
    return planes.transpose(-1, -2) if turn & 4 else planes


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
    errors: list[Tensor] = []
    for start in range(0, len(pairs.low), 16):
        low, high = (torch.from_numpy(a[start : start + 16, None]).to(device) for a in (pairs.low, pairs.high))
        output, target = trim(module(low).clamp(0, 1), high, border * pairs.scale)
        errors.append((output - target).square().mean((1, 2, 3)))
    return float((-10 * torch.cat(errors).clamp_min(1e-10).log10()).mean())
