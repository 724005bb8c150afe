"""The pool: the published configurations of networks as a visible list, and further families in the same list.

The 1,185 networks of edge-SR [NavarreteMichelini2022]: 395 at each of the scales 2, 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import torch

from .. import bake, nets
from ..nets import bicubic as cubic
from ..nets import ec_lut, ecbsr, ecbsr_dysample, edge_sr, espcn, esr_cnn, fsrcnn
from ..nets.edge_sr import GROUPS
from ..nets.network import Config
from ..program import Convolution, Program

SCALES = (2, 3, 4)
CHANNELS, KERNELS = range(1, 17), (3, 5, 7)


@dataclass(frozen=True)
class Family:
    """Networks of one kind: its name in `--family`, those of one scale, whether edge-SR's pool has them."""

    name: str
    at: Callable[[int], Iterable[Config]]
    published: bool = True


def _edge_sr(kind: edge_sr.Kind) -> Family:
    return Family(f"eSR-{kind}", lambda s: (edge_sr.Config(s, kind, k, c) for k, c in product(KERNELS, CHANNELS)))


ESR_CNN = tuple(product((2, 4, 6, 8), (1, 3, 5, 7, 9), (3, 6, 9, 12, 15)))
ESPCN = (
    *product((0, 1, 2, 3, 5, 6, 7, 9, 10, 11), (3, 9, 15, 21, 27)),
    *product((4, 8, 12, 16, 22, 28, 34, 40, 52, 64), (6, 12, 18, 24, 32)),
)
FSRCNN = tuple(product((6, 19, 32, 44, 56), (1, 3, 6, 9, 12), (1, 4)))
ECBSR = ((0, 8), (1, 8), (2, 8), (4, 8), (0, 16), (1, 16), (2, 16), (4, 16), (10, 16), (10, 32), (16, 64))

FAMILIES = (
    Family("Bicubic", lambda scale: [cubic.Config(scale)]),
    *(_edge_sr(kind) for kind in GROUPS),
    Family("eSR-CNN", lambda scale: (esr_cnn.Config(scale, *sizes) for sizes in ESR_CNN)),
    Family("ESPCN", lambda scale: (espcn.Config(scale, *sizes) for sizes in ESPCN)),
    Family("FSRCNN", lambda scale: (fsrcnn.Config(scale, *sizes) for sizes in FSRCNN)),
    Family("ECBSR", lambda scale: (ecbsr.Config(scale, *sizes) for sizes in ECBSR), published=False),
    Family("ECBSR-DySample", lambda s: (ecbsr_dysample.Config(s, *sizes) for sizes in ECBSR[:8]), published=False),
    Family("EC-LUT", lambda scale: [ec_lut.Config(scale), ec_lut.Config(scale, "block")], published=False),
)
"""Every family, in the order of the pool."""


@dataclass(frozen=True)
class Candidate:
    """A configuration of the pool: its id, family and scale, the weights of the network that runs, and how many
    multiplications of its convolutions each pixel of the result takes."""

    identifier: str
    family: str
    scale: int
    parameters: int
    multiplications: float


def pool(
    families: Sequence[str] = (),
    scales: Sequence[int] = SCALES,
    *,
    max_parameters: int | None = None,
    max_multiplications: float | None = None,
) -> list[Candidate]:
    """The configurations of these families, by default the 1,185 published ones, that stay below both limits.

    Limits are those of `Candidate`. Raises ValueError for unknown families, naming the known ones, and where nothing
    is left.
    """
    known = {family.name: family for family in FAMILIES}
    for name in families:
        if name not in known:
            raise ValueError(f"{name!r} is not a family of the pool; choose of {', '.join(known)}")
    chosen = [known[name] for name in dict.fromkeys(families)] or [family for family in FAMILIES if family.published]
    found = [
        candidate
        for family in chosen
        for scale in dict.fromkeys(scales)
        for candidate in _of(family, scale)
        if max_parameters is None or candidate.parameters <= max_parameters
        if max_multiplications is None or candidate.multiplications <= max_multiplications
    ]
    if not found:
        raise ValueError("no configuration of the pool fits; raise --max-parameters or --max-multiplications")
    return found


def candidate(identifier: str) -> Candidate:
    """A single network as a member of the pool, whatever its sizes. Raises ValueError for an unknown id."""
    config = nets.parse(identifier)
    for family in FAMILIES:
        if type(next(iter(family.at(config.scale)))) is type(config) and identifier.startswith(family.name + "_"):
            return _candidate(family.name, config)
    raise ValueError(f"{identifier} is of no family of the pool: {', '.join(family.name for family in FAMILIES)}")


OPENCV, BICUBIC = "OpenCV-cubic", "Bicubic"
YARDSTICKS = (BICUBIC, OPENCV)
"""Families with nothing to train: bicubic interpolation, ours and OpenCV's, which is no network of the pool."""


def opencv_cubic(scale: int) -> Candidate:
    """OpenCV's `INTER_CUBIC` as a yardstick: four times four taps, no weights."""
    return Candidate(f"{OPENCV}_s{scale}", OPENCV, scale, 0, 16)


@cache
def _of(family: Family, scale: int) -> tuple[Candidate, ...]:
    return tuple(_candidate(family.name, config) for config in family.at(scale))


def _candidate(family: str, config: Config) -> Candidate:
    program = _lowered(config)
    layers = [(op, kind) for op, kind in zip(program.ops, program.value_types[1:], strict=True)]
    weights = [(op, kind.scale) for op, kind in layers if isinstance(op, Convolution)]
    parameters = sum(op.weight.size + (0 if op.bias is None else op.bias.size) for op, _ in weights)
    products = sum(op.weight.size * scale**2 for op, scale in weights)
    return Candidate(str(config), family, config.scale, parameters, products / config.scale**2)


def _lowered(config: Config) -> Program:
    """The program of a network with fresh weights, branches merged."""
    with torch.random.fork_rng(devices=[]):  # weights are drawn, and nobody else's numbers are to change
        return bake.fuse(nets.lower(nets.build(config)))
