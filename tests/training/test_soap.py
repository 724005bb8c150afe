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
    module, twin, low = network(), network(), torch.rand(2, 1, 9, 9)
    stacks = Stacks(module)
    assert sorted(tuple(value.shape) for value in stacks.values) == [(1, 4, 9), (2, 4, 36), (14,)]
    torch.testing.assert_close(module(low), twin(low))
    for value in stacks.values:
        value.mul_(0.5)
    halved = zip(module.parameters(), twin.parameters(), strict=True)
    assert all(torch.equal(parameter, other * 0.5) for parameter, other in halved)


def test_without_curvature_it_is_adam() -> None:
    module, twin = network(), network()
    soap = Soap(Stacks(module), curvature=False)
    adam = torch.optim.Adam(twin.parameters(), lr=0.01, betas=(DECAY, DECAY))
    for step in range(5):
        soap.step(gradients(module, step), torch.tensor(0.01))
        for parameter, gradient in zip(twin.parameters(), gradients(twin, step), strict=True):
            parameter.grad = gradient
        adam.step()
    for parameter, other in zip(module.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, atol=1e-6, rtol=1e-5)


def test_it_is_the_same_in_every_orthogonal_basis() -> None:
    """If all gradients are rotated, so is every step; Adam has no such property."""
    random = torch.Generator().manual_seed(1)
    scales = torch.logspace(0, 2, 5)  # as many rows as columns: no eigenvalue is zero
    left, right = (torch.linalg.qr(torch.randn(5, 5, generator=random).double())[0] for _ in range(2))
    plain, turned = (nn.Linear(5, 5, bias=False).double() for _ in range(2))
    plain.weight.data.zero_(), turned.weight.data.zero_()
    optimizers = [Soap(Stacks(module), curvature=True) for module in (plain, turned)]
    for optimizer in optimizers:
        optimizer.tensors = {name: tensor.double() for name, tensor in optimizer.tensors.items()}
    for step in range(25):
        gradient = (torch.randn(5, 5, generator=random) * scales).double()
        for optimizer, value in zip(optimizers, (gradient, left @ gradient @ right.T), strict=True):
            if step == 0:
                optimizer.begin([value])
            else:
                optimizer.step([value], torch.tensor(0.1))
            if step % 10 == 9:
                optimizer.turn()
    assert plain.weight.abs().max() > 0.1
    torch.testing.assert_close(turned.weight, left @ plain.weight @ right.T, atol=1e-8, rtol=1e-6)


def test_bases_turn_to_the_eigenvectors_and_the_squares_follow() -> None:
    module = nn.Linear(5, 3, bias=False)
    optimizer = Soap(Stacks(module), curvature=True)
    spread = torch.tensor([1.0, 30.0, 3.0, 100.0, 10.0])
    random = torch.Generator().manual_seed(0)
    optimizer.begin([torch.randn(3, 5, generator=random)])
    for _ in range(300):
        optimizer.step([torch.randn(3, 5, generator=random) * spread], torch.tensor(0.0))
        optimizer.turn()
    basis, square = optimizer.tensors["basis.columns.0"][0], optimizer.tensors["square.0"][0]
    assert basis.abs().argmax(0).tolist() == [3, 1, 4, 2, 0]
    means = square.mean(0)
    assert all(means[i] > means[i + 1] for i in range(4))


@pytest.mark.parametrize("count", [1, 3])
def test_layers_of_one_shape_do_not_mix(count: int) -> None:
    def run(modules: list[nn.Linear]) -> list[torch.Tensor]:
        optimizer = Soap(Stacks(nn.ModuleList(modules)), curvature=True)
        for step in range(4):
            values = [torch.randn(2, 3, generator=torch.Generator().manual_seed(step)) for _ in modules]
            optimizer.begin(values) if step == 0 else optimizer.step(values, torch.tensor(0.1))
        return [module.weight.data for module in modules]

    modules = [nn.Linear(3, 2, bias=False) for _ in range(count)]
    for module in modules:
        module.weight.data.fill_(0.5)
    results = run(modules)
    assert all(torch.equal(result, results[0]) for result in results)
