"""Image-adaptive 3D LUT: a predictor looks at a photo and mixes basis color tables into the one for this photo.

H. Zeng, J. Cai, L. Li, Z. Cao, L. Zhang: Learning Image-adaptive 3D Lookup Tables for High Performance Photo
Enhancement in Real-time. IEEE TPAMI 44(4), 2022, arXiv 2009.14468 [Zeng2020]. Ids such as `LUT3D_N3_S33` are ours: the
article's predictor, as trained on pairs; `LUT3D_N3_S33_unpaired` has fewer normalizations and is trained against a
critic; `LUT3D_N8_S17_statistics` looks at color statistics instead of the thumbnail itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..program import (
    Activation,
    ColorStatistics,
    ColorTable,
    InstanceNorm,
    MixTables,
    Operation,
    Padding,
    StridedConvolution,
    Thumbnail,
)
from ..program.color_ops import FEATURES
from . import network
from .color_statistics import color_statistics
from .layers import array

PredictorKind: TypeAlias = Literal["paired", "unpaired", "statistics"]

THUMBNAIL = 256
"""Pixels along each side of what a predictor looks at."""
STATISTICS_THUMBNAIL = 64
"""Statistics of so many pixels a side differ from those of 256, with which they are trained, by 0.02 dB, and take a
sixteenth of the time."""
WIDTHS = (16, 32, 64, 128, 128)
SLOPE = 0.2
DROPOUT = 0.5
UPPER = 1.0001
"""The color of the last entry in the published code, whose cells are 1.0001 / (size - 1) wide."""
HIDDEN = 64
"""Between color statistics and weights."""
DEVIATION = 0.5
"""What color statistics are divided by."""
STEEPEST = 1.9
"""How much faster than the input grays may rise in the tables of color statistics, which never let them fall."""
FILES = ("LUTs.pth", "classifier.pth")
"""What a folder of published weights holds."""


@dataclass(frozen=True)
class Config(network.Config):
    """`tables` basis tables of `size`³ entries. Pictures keep their size."""

    form: ClassVar[str] = "LUT3D_N{tables}_S{size}{predictor}"
    scale: int = field(default=1, init=False)
    tables: network.Positive
    size: Annotated[int, network.Size(2, 256)]
    predictor: PredictorKind = "paired"


class ConvolutionalPredictor(nn.Module):
    """The article's: thumbnails `(B, 3, 256, 256)` to weights `(B, tables)`, by five strided layers and one over all.

    Trained on pairs, the first four layers are normalized and half of the last features dropped while training; against
    a critic, the first alone is.
    """

    def __init__(self, tables: int, paired: bool) -> None:
        super().__init__()
        *layers, last = _layers(tables, paired)
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.ones_(last.bias)  # the first table, the identity, counts once; the others are zero at first
        self.layers = nn.Sequential(*layers, last)

    def forward(self, thumbnails: Tensor) -> Tensor:
        return self.layers(thumbnails)[..., 0, 0]

    def operations(self) -> list[Operation]:
        """From the thumbnail, value 1, to the weights."""
        ops: list[Operation] = []
        channels = 3
        for layer in self.layers:
            source = len(ops) + 1
            match layer:
                case nn.Conv2d(bias=Tensor() as bias):
                    channels, step, frame = layer.out_channels, layer.stride[0], int(layer.padding[0])
                    ops.append(StridedConvolution(source, array(layer.weight), array(bias), step, frame))
                case nn.LeakyReLU():
                    ops.append(_leak(source, channels))
                case nn.InstanceNorm2d():
                    ops.append(InstanceNorm(source, array(layer.weight), array(layer.bias), layer.eps))
                case _:  # dropout is for training alone
                    pass
        return ops


class StatisticsPredictor(nn.Module):
    """Color statistics of thumbnails `(B, 3, H, W)` to weights `(B, tables)`, by one hidden layer.

    `mean`, `(FEATURES,)`, is that of the statistics; training sets it. All have one scale: each brought to its own
    deviation, small differences of neighboring quantiles would decide.
    """

    mean: Tensor

    def __init__(self, tables: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.hidden = nn.Linear(FEATURES, HIDDEN)
        self.last = nn.Linear(HIDDEN, tables)
        with torch.no_grad():
            self.last.weight *= 0.1
            self.last.bias.zero_()[0] = 1

    def forward(self, thumbnails: Tensor) -> Tensor:
        return self.weights(color_statistics(thumbnails))

    def weights(self, features: Tensor) -> Tensor:
        """Statistics `(B, FEATURES)` to weights `(B, tables)`."""
        return self.last(functional.leaky_relu(self.hidden((features - self.mean) / DEVIATION), SLOPE))

    def operations(self) -> list[Operation]:
        """From the thumbnail, value 1, to the weights; the normalization is part of the first layer."""
        weight = self.hidden.weight.double() / DEVIATION
        bias = self.hidden.bias.double() - weight @ self.mean.double()
        return [
            ColorStatistics(1),
            StridedConvolution(2, array(weight)[..., None, None], array(bias)),
            _leak(3, HIDDEN),
            StridedConvolution(4, array(self.last.weight)[..., None, None], array(self.last.bias)),
        ]


class Network(network.Network):
    """`(B, 3, H, W)` float32 RGB, sRGB-encoded, in [0, 1], to the same shape, not clipped.

    `tables` is `(tables, 3, size, size, size)`: basis, channel of the result, blue, green, red.
    """

    color: ClassVar[str] = "sRGB-encoded RGB in [0, 1]"

    config: Config

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        self.thumbnail = STATISTICS_THUMBNAIL if config.predictor == "statistics" else THUMBNAIL
        self.upper = 1.0 if config.predictor == "statistics" else UPPER
        tables = torch.zeros(config.tables, 3, config.size, config.size, config.size)
        tables[0] = identity(config.size)
        self.tables = nn.Parameter(tables)
        self.predictor: ConvolutionalPredictor | StatisticsPredictor = (
            StatisticsPredictor(config.tables)
            if config.predictor == "statistics"
            else ConvolutionalPredictor(config.tables, paired=config.predictor == "paired")
        )

    def forward(self, low: Tensor) -> Tensor:
        return self.retouch(low, self.predictor(thumbnails(low, self.thumbnail)))

    def retouch(self, photos: Tensor, weights: Tensor) -> Tensor:
        """Colors `(B, 3, H, W)` of each photo by the table that its weights `(B, tables)` make."""
        return look_up(self.mix(weights), photos, self.upper)

    def mix(self, weights: Tensor) -> Tensor:
        """Weights `(B, tables)` to a table for each photo, `(B, 3, size, size, size)`."""
        return torch.einsum("bn,ncijk->bcijk", weights, self.tables)

    def operations(self) -> list[Operation]:
        """What is trained; of color statistics, the grays of mixed tables are made steady besides."""
        ops: list[Operation] = [Thumbnail(0, self.thumbnail), *self.predictor.operations()]
        tables = array(self.tables.permute(0, 4, 3, 2, 1))
        if self.config.predictor != "statistics":
            return [*ops, MixTables(len(ops), tables), ColorTable(0, len(ops) + 1, "trilinear", self.upper)]
        # tetrahedral: between entries of the diagonal grays are linear, and stay as steady as those are
        return [*ops, MixTables(len(ops), tables, STEEPEST), ColorTable(0, len(ops) + 1, "tetrahedral", self.upper)]


def _layers(outputs: int, paired: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for index, (inputs, width) in enumerate(zip((3, *WIDTHS), WIDTHS, strict=False)):
        layers += [nn.Conv2d(inputs, width, 3, 2, 1), nn.LeakyReLU(SLOPE)]
        if index < (4 if paired else 1):
            layers.append(nn.InstanceNorm2d(width, affine=True))
    if paired:
        layers.append(nn.Dropout(DROPOUT))
    return [*layers, nn.Conv2d(WIDTHS[-1], outputs, 8)]


def thumbnails(photos: Tensor, size: int = THUMBNAIL) -> Tensor:
    """`(B, 3, H, W)` to `(B, 3, size, size)`: plain bilinear interpolation, nothing averaged."""
    return functional.interpolate(photos, (size, size), mode="bilinear", align_corners=False)


def identity(size: int) -> Tensor:
    """The table `(3, size, size, size)` that leaves colors what they are."""
    ramp = torch.linspace(0, 1, size)
    blue, green, red = torch.meshgrid(ramp, ramp, ramp, indexing="ij")
    return torch.stack([red, green, blue])


def look_up(tables: Tensor, photos: Tensor, upper: float = 1.0) -> Tensor:
    """Colors `(B, 3, H, W)` of each photo by its table `(B, 3, size, size, size)`, trilinearly; clamped to [0, 1]."""
    places = (photos.clamp(0, 1) * (2 / upper) - 1).permute(0, 2, 3, 1)[:, None]
    return functional.grid_sample(tables, places, "bilinear", "border", align_corners=True)[:, :, 0]


def smoothness(tables: Tensor) -> Tensor:
    """Total variation of tables `(N, 3, size, size, size)`, `(N,)`: the mean squared difference of neighbors, summed
    over the axes; the first and the last interval of an axis count double."""
    total = tables.new_zeros(len(tables))
    for differences in _steps(tables):
        weight = torch.ones_like(differences[0, 0, 0, 0])
        weight[[0, -1]] = 2
        total = total + (differences.square() * weight).flatten(1).mean(1)
    return total


def reversals(tables: Tensor) -> Tensor:
    """What monotonicity forbids in tables `(N, 3, size, size, size)`, `(N,)`: the mean fall from entry to entry, summed
    over the axes."""
    total = tables.new_zeros(len(tables))
    for differences in _steps(tables):
        total = total + functional.relu(-differences).flatten(1).mean(1)
    return total


def _steps(tables: Tensor) -> list[Tensor]:
    """From each entry to the next along each axis, which is the last of the result."""
    return [tables.diff(dim=axis).movedim(axis, -1) for axis in (2, 3, 4)]


def _leak(source: int, channels: int) -> Activation:
    return Activation(source, "prelu", array(torch.full((channels,), SLOPE)))


def published(
    tables: Mapping[str, object], classifier: Mapping[str, object], origin: str
) -> tuple[Config, dict[str, Tensor]]:
    """The config and the tensors, by our names, of what the authors' two files hold, `FILES`.

    `tables` has numbers for names, each with a `LUT` of `(3, size, size, size)`: channel of the result, blue, green,
    red. `classifier` has `model.N.weight` and `model.N.bias`, where N counts their layers; the number of normalized
    ones says whether they were trained on pairs. Raises ValueError if the files hold something else.
    """
    parts = [tables.get(str(number)) for number in range(len(tables))]
    found = [part.get("LUT") if isinstance(part, Mapping) else None for part in parts]
    bases = [basis.float() for basis in found if isinstance(basis, Tensor)]
    size = bases[0].shape[-1] if bases and bases[0].dim() else 0
    if len(bases) < len(parts) or {tuple(basis.shape) for basis in bases} != {(3, size, size, size)}:
        raise ValueError(f"{origin}: {FILES[0]} must hold tables '0', '1', …, each with a 'LUT' of 3 × size³")
    layers: dict[int, dict[str, Tensor]] = {}
    for name, value in classifier.items():
        model, number, part = [*str(name).split("."), "", ""][:3]
        if model != "model" or not number.isdecimal() or not isinstance(value, Tensor):
            raise ValueError(f"{origin}: {FILES[1]} has {name!r} where 'model.N.weight' or 'model.N.bias' should be")
        if part in ("weight", "bias"):  # running means, of old versions of torch, are not used
            layers.setdefault(int(number), {})[part] = value.float()
    normalized = sum(layer["weight"].dim() == 1 for layer in layers.values() if "weight" in layer)
    config = Config(len(bases), size, "paired" if normalized > 1 else "unpaired")
    own = [number for number, layer in enumerate(_layers(1, config.predictor == "paired")) if layer.state_dict()]
    state = {"tables": torch.stack(bases)}
    for place, (number, layer) in enumerate(sorted(layers.items())):
        prefix = f"predictor.layers.{own[place]}" if place < len(own) else f"model.{number}"
        state |= {f"{prefix}.{part}": value for part, value in layer.items()}
    return config, state
