"""What training minimizes."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch

Loss: TypeAlias = Literal["mse", "l1", "log-mse"]


def loss(kind: Loss, output: torch.Tensor, target: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Of two tensors of one shape: their mean squared difference (mse), their mean absolute difference (l1), or the
    mean over the first axis, patches, of the logarithm of the mean squared difference plus `epsilon` (log-mse)."""
    difference = output - target
    if kind == "l1":
        return difference.abs().mean()
    if kind == "mse":
        return difference.square().mean()
    return (difference.square().flatten(1).mean(1) + epsilon).log().mean()
