"""Basis tables and their predictor trained without pairs, against a critic that knows retouched photos [Zeng2020].

The critic is that of Wasserstein GANs with a gradient penalty [Gulrajani2017]: the predictor's layers with one output.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from ..data.thumbnails import Photos
from ..nets.adaptive_lut3d import ConvolutionalPredictor, Network, thumbnails
from .color_tables import Run, Validation, regularization, reseed
from .descent import Report
from .recipe import CriticDescent, Recipe
from .retouching import crop, to_planes
from .state import StateFile

BETAS = (0.5, 0.999)
"""Of Adam, for the tables and for the critic."""


def fit(module: Network, photos: Photos, validation: Photos, recipe: Recipe, state: StateFile, report: Report) -> None:
    """Train a module in place, on the device where it is; inputs and targets need not be the same photos."""
    method = recipe.optimizer
    assert isinstance(method, CriticDescent)
    device = module.tables.device
    critic = ConvolutionalPredictor(1, paired=False).to(device)
    optimizer = torch.optim.Adam(module.parameters(), method.learning_rate, BETAS)
    of_critic = torch.optim.Adam(critic.parameters(), method.learning_rate, BETAS)
    run = Run(state, {"module": module, "critic": critic}, {"optimizer": optimizer, "of_critic": of_critic})
    done, steps = run.restore(), method.steps
    validate = Validation(module, validation, recipe)
    while done < steps:
        for group in chain(optimizer.param_groups, of_critic.param_groups):
            group["lr"] = method.learning_rate * min(1.0, 2 * (1 - done / steps))
        reseed(recipe.seed, done)
        module.train()
        inputs, retouched = (
            part.to(device) for part in draw(photos, recipe, np.random.default_rng((recipe.seed, done)))
        )
        weights = module.predictor(inputs)
        results = module.retouch(inputs, weights)

        judged = critic(results.detach()).mean() - critic(retouched).mean()
        of_critic.zero_grad()
        (judged + method.gradient_penalty * penalty(critic, retouched, results.detach())).backward()
        of_critic.step()

        change = (results - inputs).square().mean()
        total = method.fidelity * change - critic(results).mean()
        total = total + regularization(module, weights, method.smoothness, method.monotonicity)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        done += 1
        run.save_if_due(done)
        report(done, steps, *validate.figures(done, steps, total.detach()))
    module.eval()


def draw(photos: Photos, recipe: Recipe, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Thumbnails `(B, 3, 256, 256)` of crops of photos to retouch, and of others that are as they should be."""
    assert isinstance(recipe.optimizer, CriticDescent)
    if photos.inputs is None:
        sources = others = photos
    else:
        sources, others = Photos(photos.inputs, photos.inputs), Photos(photos.targets, photos.targets)
    inputs: list[Tensor] = []
    targets: list[Tensor] = []
    for _ in range(recipe.optimizer.batch):
        source, _after = crop(sources, int(random.integers(len(sources.targets))), recipe.damage, random)
        _before, target = crop(others, int(random.integers(len(others.targets))), recipe.damage, random)
        inputs.append(thumbnails(to_planes(source[None])))
        targets.append(thumbnails(to_planes(target[None])))
    return torch.cat(inputs), torch.cat(targets)


def penalty(critic: nn.Module, real: Tensor, made: Tensor) -> Tensor:
    """How far the gradient of the critic is from a length of 1, squared, between a real photo and a made one."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = torch.lerp(made, real, share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
