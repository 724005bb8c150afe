"""SOAP: Adam in the eigenbases of each layer's gradients, for many small layers at once.

N. Vyas et al.: SOAP: Improving and Stabilizing Shampoo using Adam. ICLR 2025, arXiv 2409.11321 [Vyas2024].

Layers of one shape lie side by side in one tensor, and whatever changes from step to step is on the device: a step is a
few hundred operations whatever the number of layers, and a GPU can replay it as one graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

DECAY = 0.95
"""Of the averages of gradients, of their squares and of their products."""
EPSILON = 1e-8


class Stacks:
    """The parameters of a module, in the memory of a few tensors: one for each shape, and one for all vectors.

    A layer is a matrix with one row for each output.
    """

    def __init__(self, module: nn.Module) -> None:
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        places: dict[tuple[int, ...], list[int]] = {}
        for index, parameter in enumerate(self.parameters):
            places.setdefault(tuple(parameter.flatten(1).shape) if parameter.dim() > 1 else (), []).append(index)
        self.places = list(places.items())
        self.values = self.gathered(parameter.data for parameter in self.parameters)
        for (shape, members), value in zip(self.places, self.values, strict=True):
            parts = value.unbind() if shape else value.split([self.parameters[index].numel() for index in members])
            for index, part in zip(members, parts, strict=True):
                self.parameters[index].data = part.view(self.parameters[index].shape)

    def gathered(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """Tensors shaped like the parameters, put side by side: `(count, rows, columns)`, or `(length,)`."""
        tensors = list(tensors)
        return [
            torch.stack([tensors[index].reshape(shape) for index in members])
            if shape
            else torch.cat([tensors[index].flatten() for index in members])
            for shape, members in self.places
        ]


class Soap:
    """Steps of SOAP, or where `curvature` is off of Adam; vectors are left to Adam in both.

    Adam is written out here because SOAP needs it for vectors. A step of ECBSR_s2_M4_C16 takes it 0.4 ms on the stacks,
    torch.optim.Adam 0.6, and 1.6 on the parameters one by one (a thread of a Xeon with AVX-512, 2026-11-26).

    After `initialize` with the first gradients call `step`, and now and then `refresh`.
    """

    def __init__(self, stacks: Stacks, curvature: bool) -> None:
        self.stacks = stacks
        self.curvature = curvature
        device = stacks.values[0].device
        self.tensors: dict[str, Tensor] = {"count": torch.zeros((), device=device)}
        for index, value in enumerate(stacks.values):
            self.tensors |= {f"mean.{index}": torch.zeros_like(value), f"square.{index}": torch.zeros_like(value)}
            if curvature and value.dim() > 1:
                for side, size in zip(("rows", "columns"), value.shape[1:], strict=True):
                    square = torch.zeros(len(value), size, size, device=device)
                    self.tensors |= {f"product.{side}.{index}": square, f"basis.{side}.{index}": square.clone()}

    @torch.no_grad()
    def initialize(self, gradients: Sequence[Tensor]) -> None:
        """Take the eigenvectors of the first gradients for the bases."""
        for index, gradient in enumerate(self.stacks.gathered(gradients)):
            for side, product in self._products(index, gradient):
                self.tensors[f"product.{side}.{index}"].copy_(product * (1 - DECAY))
                self.tensors[f"basis.{side}.{index}"].copy_(torch.linalg.eigh(product)[1].flip(-1))

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: Tensor) -> None:
        """Change the parameters by a step of the learning rate `rate`, a tensor of one number."""
        count = self.tensors["count"].add_(1)
        size = rate * (1 - DECAY**count).sqrt() / (1 - DECAY**count)
        for index, gradient in enumerate(self.stacks.gathered(gradients)):
            value, mean, square = (
                self.stacks.values[index],
                self.tensors[f"mean.{index}"],
                self.tensors[f"square.{index}"],
            )
            mean.lerp_(gradient, 1 - DECAY)
            if not self.curvature or value.dim() == 1:
                square.lerp_(gradient.square(), 1 - DECAY)
                value.sub_(mean / (square.sqrt() + EPSILON) * size)
                continue
            rows, columns = self.tensors[f"basis.rows.{index}"], self.tensors[f"basis.columns.{index}"]
            square.lerp_((rows.mT @ gradient @ columns).square(), 1 - DECAY)
            direction = (rows.mT @ mean @ columns) / (square.sqrt() + EPSILON)
            value.sub_(rows @ direction @ columns.mT * size)
            for side, product in self._products(index, gradient):
                self.tensors[f"product.{side}.{index}"].lerp_(product, 1 - DECAY)

    @torch.no_grad()
    def refresh(self) -> None:
        """Bring the bases nearer to the eigenvectors, by one power iteration; the squares follow their order."""
        for index in range(len(self.stacks.values)):
            for axis, side in enumerate(("rows", "columns"), 1):
                if (basis := self.tensors.get(f"basis.{side}.{index}")) is None:
                    continue
                powered = self.tensors[f"product.{side}.{index}"] @ basis
                order = (basis * powered).sum(1).argsort(1, descending=True)
                powered = powered.gather(2, order[:, None].expand_as(powered))
                basis.copy_(torch.linalg.qr(powered)[0])
                square = self.tensors[f"square.{index}"]
                order = order[:, :, None] if axis == 1 else order[:, None]
                square.copy_(square.gather(axis, order.expand_as(square)))

    def _products(self, index: int, gradient: Tensor) -> list[tuple[str, Tensor]]:
        if not self.curvature or gradient.dim() == 1:
            return []
        return [("rows", gradient @ gradient.mT), ("columns", gradient.mT @ gradient)]
