"""SOAP: layers side by side, Adam where there is no curvature, the same in every orthogonal basis."""

import pytest
import torch
from torch import nn

from thinlens.training.soap import DECAY, Soap, Stacks


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.PReLU(), nn.Conv2d(4, 4, 3), nn.PReLU(), nn.Conv2d(4, 4, 3)]
    return nn.Sequential(*layers)


def gradients(module: nn.Module, seed: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(parameter.shape, generator=random) for parameter in module.parameters()]


def test_the_parameters_live_in_the_stacks() -> None:
    module, copy, picture = network(), network(), torch.rand(2, 1, 9, 9)
    stacks = Stacks(module)
    assert sorted(tuple(value.shape) for value in stacks.values) == [(1, 4, 9), (2, 4, 36), (14,)]
    torch.testing.assert_close(module(picture), copy(picture))
    for value in stacks.values:
        value.mul_(0.5)
    halved = zip(module.parameters(), copy.parameters(), strict=True)
    assert all(torch.equal(parameter, other * 0.5) for parameter, other in halved)


def test_without_curvature_it_is_adam() -> None:
    module, other = network(), network()
    soap = Soap(Stacks(module), curvature=False)
    adam = torch.optim.Adam(other.parameters(), lr=0.01, betas=(DECAY, DECAY))
    for step in range(5):
        soap.step(gradients(module, step), torch.tensor(0.01))
        for parameter, gradient in zip(other.parameters(), gradients(other, step), strict=True):
            parameter.grad = gradient
        adam.step()
    for parameter, expected in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(parameter, expected, atol=1e-6, rtol=1e-5)


def test_it_is_the_same_in_every_orthogonal_basis() -> None:
    """If all gradients are rotated, so is every step; Adam has no such property."""
    random = torch.Generator().manual_seed(1)
    scales = torch.logspace(0, 2, 5)  # as many rows as columns: no eigenvalue is zero
    left, right = (torch.linalg.qr(torch.randn(5, 5, generator=random).double())[0] for _ in range(2))
    plain, rotated = (nn.Linear(5, 5, bias=False).double() for _ in range(2))
    plain.weight.data.zero_(), rotated.weight.data.zero_()
    optimizers = [Soap(Stacks(module), curvature=True) for module in (plain, rotated)]
    for optimizer in optimizers:
        optimizer.tensors = {name: tensor.double() for name, tensor in optimizer.tensors.items()}
    for step in range(25):
        gradient = (torch.randn(5, 5, generator=random) * scales).double()
        for optimizer, value in zip(optimizers, (gradient, left @ gradient @ right.T), strict=True):
            if step == 0:
                optimizer.initialize([value])
            else:
                optimizer.step([value], torch.tensor(0.1))
            if step % 10 == 9:
                optimizer.refresh()
    assert plain.weight.abs().max() > 0.1
    torch.testing.assert_close(rotated.weight, left @ plain.weight @ right.T, atol=1e-8, rtol=1e-6)


def test_bases_become_the_eigenvectors_by_falling_eigenvalue() -> None:
    module = nn.Linear(5, 3, bias=False)
    optimizer = Soap(Stacks(module), curvature=True)
    spread = torch.tensor([1.0, 30.0, 3.0, 100.0, 10.0])
    random = torch.Generator().manual_seed(0)
    optimizer.initialize([torch.randn(3, 5, generator=random)])
    for _ in range(300):
        optimizer.step([torch.randn(3, 5, generator=random) * spread], torch.tensor(0.0))
        optimizer.refresh()
    basis, square = optimizer.tensors["basis.columns.0"][0], optimizer.tensors["square.0"][0]
    assert basis.abs().argmax(0).tolist() == [3, 1, 4, 2, 0]
    means = square.mean(0)
    assert all(means[i] > means[i + 1] for i in range(4))


def test_the_squares_follow_the_order_of_their_eigenvectors() -> None:
    """Axes in the wrong order are put in order by one refresh, and each average of squares stays with its axis."""
    optimizer = Soap(Stacks(nn.Linear(3, 2, bias=False)), curvature=True)
    eigenvalues = {"rows": torch.tensor([1.0, 5.0]), "columns": torch.tensor([2.0, 9.0, 4.0])}
    for side, values in eigenvalues.items():
        optimizer.tensors[f"product.{side}.0"].copy_(values.diag())
        optimizer.tensors[f"basis.{side}.0"].copy_(torch.eye(len(values)))
    optimizer.tensors["square.0"].copy_(torch.tensor([[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]))
    optimizer.refresh()
    assert optimizer.tensors["basis.rows.0"][0].abs().argmax(0).tolist() == [1, 0]
    assert optimizer.tensors["basis.columns.0"][0].abs().argmax(0).tolist() == [1, 2, 0]
    assert optimizer.tensors["square.0"][0].tolist() == [[11.0, 12.0, 10.0], [1.0, 2.0, 0.0]]


@pytest.mark.parametrize("curvature", [True, False])
def test_layers_of_one_shape_do_not_mix(curvature: bool) -> None:
    """Side by side, each with its own gradients, as each optimized alone; between them one of another shape."""
    shapes = [(3, 2), (4, 2), (3, 2), (3, 2)]
    random = torch.Generator().manual_seed(0)
    values = [[torch.randn(outputs, inputs, generator=random) for inputs, outputs in shapes] for _ in range(25)]

    def run(members: list[int]) -> list[torch.Tensor]:
        layers = nn.ModuleList(nn.Linear(*shapes[index], bias=False) for index in members)
        for parameter in layers.parameters():
            parameter.data.fill_(0.5)
        optimizer = Soap(Stacks(layers), curvature)
        for step, gradients in enumerate(values):
            own = [gradients[index] * 10.0**index for index in members]
            optimizer.initialize(own) if step == 0 else optimizer.step(own, torch.tensor(0.1))
            if step % 10 == 9:
                optimizer.refresh()
        return list(layers.parameters())

    for index, together in enumerate(run([0, 1, 2, 3])):
        torch.testing.assert_close(together, run([index])[0], atol=1e-4, rtol=0)
