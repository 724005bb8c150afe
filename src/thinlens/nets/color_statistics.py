"""The operation `ColorStatistics` with tensors, for many thumbnails at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..program.color_ops import HUES, LUMA_BANDS, QUANTILES, SCARCE
from ..program.ops import LUMA_WEIGHTS


def color_statistics(photos: Tensor) -> Tensor:
    """`(B, 3, H, W)` RGB, of which values beyond [0, 1] are clamped, to `(B, FEATURES)`. Not for gradients."""
    rgb = photos.detach().clamp(0, 1).flatten(2)
    luma = torch.einsum("c,bcn->bn", rgb.new_tensor(LUMA_WEIGHTS), rgb)
    largest = rgb.amax(1)
    chroma = largest - rgb.amin(1)
    saturation = torch.where(largest > 0, chroma / largest.clamp_min(1e-30), 0)
    signals = torch.cat([rgb, torch.stack([luma, chroma, saturation], 1)], 1).sort(-1).values
    positions = torch.tensor(QUANTILES, dtype=torch.float64) * (luma.shape[-1] - 1)
    low = positions.floor().long()
    high, fraction = (low + 1).clamp_max(luma.shape[-1] - 1), (positions - low).to(rgb)
    quantiles = torch.lerp(signals[..., low.to(rgb.device)], signals[..., high.to(rgb.device)], fraction)

    band = (luma * LUMA_BANDS).long().clamp_max(LUMA_BANDS - 1)
    members = functional.one_hot(band, LUMA_BANDS).to(rgb)
    count = members.sum(1)
    casts = torch.einsum("bcn,bnk->bck", rgb[:, [0, 2]] - luma[:, None], members)
    casts = casts / (count + SCARCE * luma.shape[-1])[:, None]

    distance = (hue(rgb)[:, None] - torch.arange(HUES, device=rgb.device)[:, None]).abs()
    nearness = (1 - torch.minimum(distance, HUES - distance)).clamp_min(0)
    hues = (chroma[:, None] * nearness).mean(-1)
    return torch.cat([quantiles.flatten(1), casts.flatten(1), count / luma.shape[-1], hues], 1)


def hue(rgb: Tensor) -> Tensor:
    """The hue of colors `(B, 3, n)` in [0, 6): red 0, yellow 1, green 2, cyan 3, blue 4, magenta 5; gray 0."""
    red, green, blue = rgb.unbind(1)
    largest, chroma = rgb.amax(1), rgb.amax(1) - rgb.amin(1)
    divisor = torch.where(chroma > 0, chroma, 1)
    other = torch.where(largest == green, (blue - red) / divisor + 2, (red - green) / divisor + 4)
    angle = torch.where(largest == red, (green - blue) / divisor, other)
    return torch.where(chroma > 0, angle.remainder(6), 0)
