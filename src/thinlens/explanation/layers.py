"""Feature maps at one place of a photo, and how much of each block of ECBSR its five branches are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..program import Activation, Add, Convolution, Operation, PixelShuffle, Program
from ..program.reference import evaluate

if TYPE_CHECKING:
    from ..nets import Network

WINDOW = 64
"""Pixels along each side of the place that is looked at."""


@dataclass(frozen=True)
class Layer:
    """The maps `(C, h, w)` float32 of a layer, and what it is: `3: Convolution, Activation`."""

    name: str
    maps: NDArray[np.float32]


def layers_at(program: Program, luma: NDArray[np.float32], place: tuple[int, int]) -> list[Layer]:
    """What each layer of a program makes of the window around a place (x, y): after its activation, if it has one."""
    window = window_at(luma, place)
    values: list[NDArray[Any]] = [window[None]]
    found: list[Layer] = []
    for number, op in enumerate(program.ops, start=1):
        values.append(evaluate(op, values))
        following: Operation | None = program.ops[number] if number < len(program.ops) else None
        layer = isinstance(op, Convolution) and not isinstance(following, Activation | Add)
        if layer or isinstance(op, Activation | Add) or (isinstance(op, PixelShuffle) and following is None):
            name = type(op).__name__ + (f" {op.function}" if isinstance(op, Activation) else "")
            found.append(Layer(f"{number}: {name}", values[-1].astype(np.float32)))
    return found


def window_at(luma: NDArray[np.float32], place: tuple[int, int]) -> NDArray[np.float32]:
    """The window around a place, moved into the picture where it reaches beyond."""
    left, top = (max(0, min(at - WINDOW // 2, size - WINDOW)) for at, size in zip(place, luma.shape[::-1], strict=True))
    return luma[top : top + WINDOW, left : left + WINDOW]


def liveliest(luma: NDArray[np.float32]) -> tuple[int, int]:
    """The middle (x, y) of the window with the largest gradients: where there is most to see."""
    gradient = np.zeros(luma.shape, np.float64)
    gradient[1:] += np.abs(np.diff(luma, axis=0))
    gradient[:, 1:] += np.abs(np.diff(luma, axis=1))
    height, width = (max(1, size - WINDOW + 1) for size in luma.shape)
    total = np.pad(gradient, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    bottom, right = min(WINDOW, luma.shape[0]), min(WINDOW, luma.shape[1])
    area = total[bottom : bottom + height, right : right + width] - total[:height, right : right + width]
    area = area - total[bottom : bottom + height, :width] + total[:height, :width]
    y, x = np.unravel_index(int(area.argmax()), area.shape)
    return int(x) + right // 2, int(y) + bottom // 2


def branch_shares(module: Network) -> dict[str, NDArray[np.float64]] | None:
    """For a network of ECBSR: by branch, its share of each block, `(blocks,)`, each block's adding up to 1.

    A branch is one 3×3 kernel once it is merged; its share is that of its norm in the sum of all norms. None for other
    networks.
    """
    from ..nets import ecbsr

    blocks = [part for part in module.modules() if isinstance(part, ecbsr.Block)]
    if not blocks:
        return None
    names = ("3×3", "1×1 and 3×3", "Sobel x", "Sobel y", "Laplacian")
    norms = np.array([[float(kernel.detach().norm()) for kernel in block.branch_kernels()] for block in blocks])
    shares = norms / norms.sum(axis=1, keepdims=True)
    return {name: shares[:, index] for index, name in enumerate(names)}
