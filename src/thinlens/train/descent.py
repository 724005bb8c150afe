"""Gradient descent on random patches, for any network: Adam, or SOAP, which also learns the curvature of each layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .. import nets
from ..data.pairs import Pairs
from .losses import LOSSES
from .recipe import Recipe
from .state import StateFile

Report = Callable[[int, int, float, float], None]
"""Called with the steps done, the number of steps, the loss and the validation PSNR in dB; what is not known is NaN."""


def fit(module: nn.Module, train: Pairs, validation: Pairs, recipe: Recipe, state: StateFile, report: Report) -> None:
    """Train a module in place, on the device where it is; its weights end as their moving average."""
    torch.set_flush_denormal(True)  # vanishing weights of a softmax would take a hundred times as long
    device = next(module.parameters()).device
    low, high = (torch.from_numpy(array).to(device) for array in (train.low, train.high))
    border = nets.lower(module).halo
    trained, module = module, nets.build(module.config, "zero").to(device)  # the loss leaves out what padding reaches
    module.load_state_dict(trained.state_dict())
    average = AveragedModel(module, multi_avg_fn=moving_average(recipe.average))
    matrices = [_matrix(parameter) for parameter in module.parameters() if parameter.requires_grad]
    optimizer = _optimizer(recipe, matrices)
    reduced = torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")
    done = _restore(state, module, average, optimizer)
    every = max(1, recipe.steps // 50)
    for step in range(done, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_factor(step / recipe.steps)
        inputs, targets = draw(low, high, train.scale, recipe, step)
        with reduced:
            outputs = module(inputs)
        loss = LOSSES[recipe.loss](*trim(outputs, targets, border * train.scale))
        gradients = torch.autograd.grad(loss, [parameter for parameter, _ in matrices])
        for (_, matrix), gradient in zip(matrices, gradients, strict=True):
            matrix.grad = gradient.reshape(matrix.shape)
        optimizer.step()
        average.update_parameters(module)
        finished = step + 1
        if state.due:
            state.save(*_snapshot(module, average, optimizer, finished))
        if finished % every == 0 or finished == recipe.steps:
            report(finished, recipe.steps, loss.item(), validation_psnr(average.module, validation, border))
        else:
            report(finished, recipe.steps, math.nan, math.nan)
    trained.load_state_dict(average.module.state_dict())


def moving_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """The exponential moving average of weights, over a tenth of the run while that is short.

    With the full decay from the start, a thousand steps would not be enough to forget the first weights.
    """

    @torch.no_grad()
    def update(averages: list[Tensor], weights: list[Tensor], number: Tensor) -> None:
        part = max(1 - decay, 9 / (10 + int(number)))
        for average, weight in zip(averages, weights, strict=True):
            average.lerp_(weight, part)

    return update


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


def _matrix(parameter: nn.Parameter) -> tuple[nn.Parameter, nn.Parameter]:
    """A parameter and itself as one row for each output, in the same memory: SOAP takes a layer for a matrix."""
    return parameter, nn.Parameter(parameter.data.flatten(1) if parameter.dim() > 1 else parameter.data)


def _optimizer(recipe: Recipe, matrices: list[tuple[nn.Parameter, nn.Parameter]]) -> torch.optim.Optimizer:
    parameters = [matrix for _, matrix in matrices]
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=recipe.learning_rate)
    from pytorch_optimizer import SOAP

    return SOAP(parameters, lr=recipe.learning_rate, weight_decay=0.0)


def _snapshot(
    module: nn.Module, average: AveragedModel, optimizer: torch.optim.Optimizer, step: int
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    saved = optimizer.state_dict()
    states = _pack([saved["state"].get(index, {}) for index in range(_size(optimizer))], "optimizer", tensors)
    groups = [{**group, "params": None} for group in saved["param_groups"]]
    return tensors, {"step": step, "optimizer": states, "groups": groups}


def _restore(state: StateFile, module: nn.Module, average: AveragedModel, optimizer: torch.optim.Optimizer) -> int:
    found = state.load()
    if found is None:
        return 0
    tensors, numbers = found

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    module.load_state_dict(part("module."))
    average.load_state_dict(part("average."))
    states = _unpack(numbers["optimizer"], tensors)
    groups = [
        {**group, "params": own["params"]}
        for group, own in zip(numbers["groups"], optimizer.state_dict()["param_groups"], strict=True)
    ]
    optimizer.load_state_dict({"state": dict(enumerate(states)), "param_groups": groups})
    return int(numbers["step"])


def _size(optimizer: torch.optim.Optimizer) -> int:
    return sum(len(group["params"]) for group in optimizer.param_groups)


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A nest of lists and dictionaries with its tensors put aside, under names that stay in their places."""
    match value:
        case Tensor():
            columns = value.dim() == 2 and not value.is_contiguous()  # the order in memory decides how sums round
            tensors[name] = value.T if columns else value
            return {"tensor": name, "columns": columns}
        case dict():
            return {key: _pack(item, f"{name}.{key}", tensors) for key, item in value.items()}
        case list():
            return [_pack(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]
        case _:
            return value


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `_pack`."""
    match value:
        case {"tensor": name, "columns": columns}:
            return tensors[name].T if columns else tensors[name]
        case dict():
            return {key: _unpack(item, tensors) for key, item in value.items()}
        case list():
            return [_unpack(item, tensors) for item in value]
        case _:
            return value
