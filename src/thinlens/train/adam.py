"""Gradient descent on random patches, for any network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .. import nets
from ..data.pairs import Pairs
from .losses import LOSSES
from .recipe import Recipe
from .state import StateFile

Report = Callable[[int, int, float, float], None]
"""Called with the steps done, the number of steps, the loss and the validation PSNR in dB; what is not known is NaN."""


def fit(module: nn.Module, train: Pairs, validation: Pairs, recipe: Recipe, state: StateFile, report: Report) -> None:
    """Train a module in place, on the device where it is; its weights end as their moving average."""
    device = next(module.parameters()).device
    low, high = (torch.from_numpy(array).to(device) for array in (train.low, train.high))
    border = nets.lower(module).halo
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    optimizer = torch.optim.Adam(module.parameters(), lr=recipe.learning_rate)
    done = _restore(state, module, average, optimizer)
    every = max(1, recipe.steps // 50)
    for step in range(done, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_factor(step / recipe.steps)
        inputs, targets = draw(low, high, train.scale, recipe, step)
        loss = LOSSES[recipe.loss](*trim(module(inputs), targets, border * train.scale))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update_parameters(module)
        finished = step + 1
        if state.due:
            state.save(*_snapshot(module, average, optimizer, finished))
        if finished % every == 0 or finished == recipe.steps:
            report(finished, recipe.steps, loss.item(), validation_psnr(average.module, validation, border))
        else:
            report(finished, recipe.steps, math.nan, math.nan)
    module.load_state_dict(average.module.state_dict())


def learning_rate_factor(part: float) -> float:
    """One cycle: up over the first twentieth of the run, then a cosine down to zero."""
    return part / 0.05 if part < 0.05 else 0.5 + 0.5 * math.cos(math.pi * (part - 0.05) / 0.95)


def draw(low: Tensor, high: Tensor, scale: int, recipe: Recipe, step: int) -> tuple[Tensor, Tensor]:
    """The patches of a step, `(batch, 1, patch, patch)` and their high counterparts, the same whenever it is taken."""
    random = np.random.default_rng((recipe.seed, step))
    size = min(recipe.patch, low.shape[1])
    inputs: list[Tensor] = []
    targets: list[Tensor] = []
    for _ in range(recipe.batch):
        index = int(random.integers(low.shape[0]))
        y, x = (int(value) for value in random.integers(0, low.shape[1] - size + 1, 2))
        turn = int(random.integers(8))
        inputs.append(turned(low[index, y : y + size, x : x + size], turn))
        y, x, span = y * scale, x * scale, size * scale
        targets.append(turned(high[index, y : y + span, x : x + span], turn))
    return torch.stack(inputs)[:, None], torch.stack(targets)[:, None]


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


def _snapshot(
    module: nn.Module, average: AveragedModel, optimizer: torch.optim.Adam, step: int
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in values.items()}
    return tensors, {"step": step}


def _restore(state: StateFile, module: nn.Module, average: AveragedModel, optimizer: torch.optim.Adam) -> int:
    found = state.load()
    if found is None:
        return 0
    tensors, numbers = found

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    module.load_state_dict(part("module."))
    average.load_state_dict(part("average."))
    saved = optimizer.state_dict()
    for name, value in part("adam.").items():
        index, key = name.split(".", 1)
        saved["state"].setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(saved)
    return int(numbers["step"])
