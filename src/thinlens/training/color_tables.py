"""Basis tables and what mixes them for a photo, trained on photos before and after retouching [Zeng2020]."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..data.thumbnails import Photos
from ..nets.adaptive_lut3d import Network, StatisticsPredictor, look_up, reversals, smoothness, thumbnails
from ..nets.color_statistics import color_statistics
from .descent import Report, learning_rate_factor
from .losses import loss
from .recipe import Recipe, TableDescent
from .retouching import Picture, colors_of_crop, crop, to_planes, validation_pairs
from .state import StateFile

REPORTS = 10
"""How often a run validates."""
FLATTEST = 0.1
"""The least slope along gray, with some distance from 0, where tones would be lost."""
CLIPPING = 3.0
"""How much more than slopes values beyond white count."""
AT_ONCE = 64
"""Crops whose statistics are taken together."""

Batch = tuple[Tensor, Tensor, Tensor]
"""Weights `(B, tables)`, and colors `(B, 3, 1, pixels)` before and after."""


def fit(module: Network, photos: Photos, validation: Photos, recipe: Recipe, state: StateFile, report: Report) -> None:
    """Train a module in place, on the device where it is, on pairs or on targets alone."""
    method = recipe.optimizer
    assert isinstance(method, TableDescent)
    groups = [
        {"params": [module.tables], "weight_decay": 0.0},
        {"params": [*module.predictor.parameters()], "weight_decay": method.decay},
    ]
    optimizer = torch.optim.AdamW(groups, method.learning_rate)
    seen = (
        Statistics(module, photos, recipe) if module.config.predictor == "statistics" else Crops(module, photos, recipe)
    )
    run = Run(state, {"module": module}, {"optimizer": optimizer})
    done, steps = run.restore(), method.steps
    validate = Validation(module, validation, recipe)
    while done < steps:
        factor = learning_rate_factor(done / steps)
        for group, rate in zip(optimizer.param_groups, (method.table_rate, method.learning_rate), strict=True):
            group["lr"] = rate * factor
        reseed(recipe.seed, done)
        module.train()
        weights, inputs, targets = seen.batch(np.random.default_rng((recipe.seed, 1, done)))
        tables = module.mix(weights)
        error = loss(recipe.loss, look_up(tables, inputs, module.upper), targets, recipe.normalized_epsilon)
        total = error + regularization(module, weights, method.smoothness, method.monotonicity)
        if method.steepest:
            total = total + method.monotonicity * harshness(tables, method.steepest)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        done += 1
        run.save_if_due(done)
        report(done, steps, *validate.figures(done, steps, error))
    module.eval()


def regularization(module: Network, weights: Tensor, smooth: float, monotone: float) -> Tensor:
    """The article's: `smooth` times mean square weight and total variation, `monotone` times the reversals."""
    variation = smoothness(module.tables).sum() + weights.square().mean()
    return smooth * variation + monotone * reversals(module.tables).sum()


def harshness(tables: Tensor, steepest: float) -> Tensor:
    """How much tables `(B, 3, size, size, size)` rise along gray by more than `steepest`, or less than `FLATTEST`, or
    go beyond white, which turns the hue of light colors."""
    places = torch.arange(tables.shape[-1], device=tables.device)
    gray = tables[:, :, places, places, places]
    slopes = gray.diff(dim=-1) * (tables.shape[-1] - 1)
    harsh = (slopes - steepest).relu().mean() + (FLATTEST - slopes).relu().mean()
    return harsh + CLIPPING * (gray - 1).relu().mean()


class Statistics:
    """Color statistics of many crops, taken once, and some pixels of each, before and after."""

    def __init__(self, module: Network, photos: Photos, recipe: Recipe) -> None:
        assert isinstance(module.predictor, StatisticsPredictor) and isinstance(recipe.optimizer, TableDescent)
        self.predictor, self.method = module.predictor, recipe.optimizer
        self.device = module.tables.device
        pixels, draws = self.method.pixels, self.method.draws
        features: list[Tensor] = []
        before: list[Picture] = []
        after: list[Picture] = []
        waiting: list[Picture] = []
        for number in range(len(photos.targets) * draws):
            index, draw = divmod(number, draws)
            random = np.random.default_rng((recipe.seed, 0, index, draw))
            source, target = colors_of_crop(photos, index, recipe.damage, self.method.odd, random)
            waiting.append(source)
            before.append(source[:pixels].copy())
            after.append(target[:pixels].copy())
            if len(waiting) == AT_ONCE or number == len(photos.targets) * draws - 1:
                features.append(color_statistics(to_planes(np.stack(waiting)).to(self.device)))
                waiting = []
        self.features, self.before, self.after = torch.cat(features), np.stack(before), np.stack(after)
        self.predictor.mean.copy_(self.features.mean(0))

    def batch(self, random: np.random.Generator) -> Batch:
        chosen = random.integers(0, len(self.before), self.method.batch)
        features = self.features[torch.from_numpy(chosen).to(self.device)]
        noise = random.standard_normal(features.shape, np.float32) * np.float32(self.method.noise)
        weights = self.predictor.weights(features + torch.from_numpy(noise).to(self.device))
        return weights, to_planes(self.before[chosen]).to(self.device), to_planes(self.after[chosen]).to(self.device)


class Crops:
    """Crops of random photos, new in each step."""

    def __init__(self, module: Network, photos: Photos, recipe: Recipe) -> None:
        assert isinstance(recipe.optimizer, TableDescent)
        self.module, self.photos, self.damage, self.method = module, photos, recipe.damage, recipe.optimizer

    def batch(self, random: np.random.Generator) -> Batch:
        seen: list[Tensor] = []
        before: list[Picture] = []
        after: list[Picture] = []
        for index in random.integers(0, len(self.photos.targets), self.method.batch):
            source, target = crop(self.photos, int(index), self.damage, random)
            chosen = random.integers(0, source.shape[0] * source.shape[1], self.method.pixels)
            seen.append(thumbnails(to_planes(source[None])))
            before.append(source.reshape(-1, 3)[chosen])
            after.append(target.reshape(-1, 3)[chosen])
        device = self.module.tables.device
        weights = self.module.predictor(torch.cat(seen).to(device))
        return weights, to_planes(np.stack(before)).to(device), to_planes(np.stack(after)).to(device)


class Validation:
    """The photos that are held out, before and after."""

    def __init__(self, module: Network, photos: Photos, recipe: Recipe) -> None:
        self.module = module
        self.inputs, self.targets = validation_pairs(photos, recipe.damage)

    def figures(self, done: int, steps: int, error: Tensor) -> tuple[float, float]:
        """The loss and the validation PSNR where a report is due, else not known, NaN."""
        if done % max(1, steps // REPORTS) and done < steps:
            return math.nan, math.nan
        return error.item(), self.psnr()

    @torch.no_grad()
    def psnr(self) -> float:
        """Mean PSNR in dB of RGB in [0, 1]."""
        device = self.module.tables.device
        self.module.eval()
        values: list[float] = []
        for start in range(0, len(self.inputs), 8):
            part = slice(start, start + 8)
            result = self.module(to_planes(self.inputs[part]).to(device)).clamp(0, 1)
            errors = (result - to_planes(self.targets[part]).to(device)).square().mean((1, 2, 3))
            values += (-10 * errors.clamp_min(1e-10).log10()).tolist()
        return float(np.mean(values))


class Run:
    """What a later run needs to go on: modules, and the moments of their optimizers."""

    def __init__(
        self, state: StateFile, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
    ) -> None:
        self.state, self.modules, self.optimizers = state, modules, optimizers

    def save_if_due(self, done: int) -> None:
        if not self.state.due:
            return
        tensors: dict[str, Tensor] = {}
        for name, module in self.modules.items():
            tensors |= {f"{name}.{key}": value.clone() for key, value in module.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for number, moments in optimizer.state_dict()["state"].items():
                tensors |= {f"{name}.{number}.{key}": value.clone() for key, value in moments.items()}
        self.state.save(tensors, {"step": done})

    def restore(self) -> int:
        """Go on from a saved state, if there is one; returns the number of steps done."""
        if (found := self.state.load()) is None:
            return 0
        tensors, numbers = found
        for name, module in self.modules.items():
            module.load_state_dict(_below(tensors, name))
        for name, optimizer in self.optimizers.items():
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(tensors, name).items():
                number, _, moment = key.partition(".")
                moments.setdefault(int(number), {})[moment] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        return int(numbers["step"])


def _below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}


def reseed(seed: int, step: int) -> None:
    """What torch draws in a step, as dropout does, depends on the step alone."""
    torch.manual_seed(int(np.random.SeedSequence((seed, 2, step)).generate_state(1)[0]))
