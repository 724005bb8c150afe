"""The many-layer networks as their articles describe them, in plain torch, with the published names of tensors.

Independent of thinlens.nets: what the files of the authors hold, and what they compute.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

State = dict[str, Tensor]
Forward = Callable[[Tensor], Tensor]


def published(identifier: str, seed: int = 0) -> tuple[State, Forward]:
    """A state dict with random weights, and what the authors' network computes with it: `(B, 1, H, W)` to luma."""
    torch.manual_seed(seed)
    family, *rest = re.findall(r"[A-Za-z-]+|\d+", identifier.replace("_", " "))
    sizes = [int(part) for part in rest if part.isdigit()]
    make = {"eSR-CNN": _esr_cnn, "ESPCN": _espcn, "FSRCNN": _fsrcnn, "ECBSR": _ecbsr}
    return make[family](*sizes)


def _layers(first: int, second: int, last: int, bias: bool) -> list[nn.Module]:
    head = [nn.Conv2d(1, first, 5, padding=2), nn.Tanh()] if first else []
    return [
        *head,
        nn.Conv2d(first or 1, second, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(second, last, 3, padding=1, bias=bias),
    ]


def _named(prefix: str, layers: nn.Module) -> State:
    return {f"{prefix}.{name}": value.clone() for name, value in layers.state_dict().items()}


def _esr_cnn(scale: int, channels: int, first: int, second: int) -> tuple[State, Forward]:
    layers = nn.Sequential(*_layers(first, second, 2 * scale**2 * channels, False), nn.PixelShuffle(scale))

    def forward(low: Tensor) -> Tensor:
        value, key = layers(low).split(channels, dim=1)
        return (value * nn.Softmax(dim=1)(key * key)).sum(dim=1, keepdim=True)

    return _named("filter", layers), forward


def _espcn(scale: int, first: int, second: int) -> tuple[State, Forward]:
    layers = nn.Sequential(*_layers(first, second, scale**2, True), nn.PixelShuffle(scale), nn.Sigmoid())
    return _named("net", layers), layers


def _fsrcnn(scale: int, features: int, shrunk: int, mappings: int) -> tuple[State, Forward]:
    layers: list[nn.Module] = [nn.Conv2d(1, features, 5, padding=2), nn.PReLU()]
    layers += [nn.Conv2d(features, shrunk, 1), nn.PReLU()]
    for _ in range(mappings):
        layers += [nn.Conv2d(shrunk, shrunk, 3, padding=1), nn.PReLU()]
    layers += [nn.Conv2d(shrunk, features, 1), nn.PReLU()]
    padding = (8 - scale) // 2 + 1
    layers += [nn.ConvTranspose2d(features, 1, 9, scale, padding, output_padding=(scale + 1) % 2)]
    for layer in layers:
        if isinstance(layer, nn.PReLU):
            nn.init.uniform_(layer.weight, -0.5, 0.5)
    network = nn.Sequential(*layers)
    return _named("net", network), network


MASKS = {
    "sbx": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "sby": [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    "lpl": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
}


def block(inputs: int, outputs: int, slope: bool = True) -> State:
    """The tensors of one edge-oriented convolution block, all of a size at which each branch counts."""

    def draw(*shape: int) -> Tensor:
        fan = shape[1] * shape[2] * shape[3] if len(shape) == 4 else 4
        return torch.randn(shape) * (0.3 / fan) ** 0.5

    state = {"conv3x3.weight": draw(outputs, inputs, 3, 3), "conv3x3.bias": draw(outputs)}
    state |= {"conv1x1_3x3.k0": draw(2 * outputs, inputs, 1, 1), "conv1x1_3x3.b0": draw(2 * outputs)}
    state |= {"conv1x1_3x3.k1": draw(outputs, 2 * outputs, 3, 3), "conv1x1_3x3.b1": draw(outputs)}
    for name, mask in MASKS.items():
        state |= {f"conv1x1_{name}.k0": draw(outputs, inputs, 1, 1), f"conv1x1_{name}.b0": draw(outputs)}
        state |= {f"conv1x1_{name}.scale": draw(outputs, 1, 1, 1) / 2, f"conv1x1_{name}.bias": draw(outputs)}
        state[f"conv1x1_{name}.mask"] = torch.tensor(mask, dtype=torch.float32).expand(outputs, 1, 3, 3).clone()
    if slope:
        state["act.weight"] = torch.rand(outputs) - 0.5
    return state


def run_block(state: State, features: Tensor, identity: bool = False) -> Tensor:
    """The five branches one after the other, the feature maps between 1×1 and 3×3 framed by the bias; no activation."""
    total = functional.conv2d(features, state["conv3x3.weight"], state["conv3x3.bias"], padding=1)

    def framed(name: str) -> Tensor:
        middle = functional.conv2d(features, state[f"{name}.k0"], state[f"{name}.b0"])
        frame = state[f"{name}.b0"][None, :, None, None]
        height, width = middle.shape[2:]
        large = frame.expand(len(middle), -1, height + 2, width + 2).clone()
        large[:, :, 1:-1, 1:-1] = middle
        return large

    total = total + functional.conv2d(framed("conv1x1_3x3"), state["conv1x1_3x3.k1"], state["conv1x1_3x3.b1"])
    for name in (f"conv1x1_{kind}" for kind in MASKS):
        middle = framed(name)
        filters = state[f"{name}.scale"] * state[f"{name}.mask"]
        total = total + functional.conv2d(middle, filters, state[f"{name}.bias"], groups=middle.shape[1])
    return total + features if identity else total


def _ecbsr(scale: int, blocks: int, channels: int) -> tuple[State, Forward]:
    sizes = [1, *[channels] * (blocks + 1), scale**2]
    states = [block(*pair, slope=index <= blocks) for index, pair in enumerate(pairwise(sizes))]

    def forward(low: Tensor) -> Tensor:
        features = low
        for state in states:
            features = run_block(state, features)
            if "act.weight" in state:
                features = functional.prelu(features, state["act.weight"])
        return functional.pixel_shuffle(features + low.repeat(1, scale**2, 1, 1), scale)

    named = {f"backbone.{index}.{name}": value for index, state in enumerate(states) for name, value in state.items()}
    return named, forward
