"""What training minimizes."""

from __future__ import annotations

import torch

FLOOR = 20 / 255**2
"""Added to the mean squared error of a patch before its logarithm: what flat patches may well be off."""


def l1(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of two tensors of one shape."""
    return (output - target).abs().mean()


def mse(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of two tensors of one shape."""
    return (output - target).square().mean()


def log_mse(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean over the first axis (patches) of the logarithm of the mean squared difference."""
    return ((output - target).square().flatten(1).mean(1) + FLOOR).log().mean()


LOSSES = {"l1": l1, "mse": mse, "log-mse": log_mse}
