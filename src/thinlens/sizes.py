"""How large a picture is to become, and through which models: plain arithmetic, before anything is enlarged."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TypeAlias

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

LARGEST = 16
"""How many times larger than the source a picture may be made, along each side."""
SLACK = 0.01
"""How much of the enlarging interpolation may do: nobody sees one percent, and the next larger chain of models costs
twice the time, to be shrunk again."""


@dataclass(frozen=True)
class Plan:
    """The scales of the models to go through, in this order, and the size in the end.

    What is left between the last model and the size is done by `photo.resize`.
    """

    chain: tuple[int, ...]
    size: Size

    @property
    def enlarged(self) -> int:
        """How many times larger the models together make it."""
        return math.prod(self.chain)


def plan(
    source: Size,
    scales: Collection[int],
    *,
    scale: float | None = None,
    size: Size | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: Size | None = None,
    long_side: int | None = None,
) -> Plan:
    """From the size of a picture, the scales that a model offers and one wish to the models and the final size.

    The wish is one of: `scale`, from 1 to 16; `size`, exactly that, whatever it does to the proportions; `width`,
    `height` or both, where one alone keeps the proportions; `fit`, the largest size with these proportions that fits
    into a width and height; `long_side`, the longer of width and height. Without a wish it is twice the size, or what
    a model with one scale does. All but `scale` may also make a picture smaller. The models are those that
    enlarge enough and least beyond it, the fewest of these, the largest first. Raises ValueError in one sentence.
    """
    sides = (width, height) if width is not None or height is not None else None
    wishes = {"scale": scale, "size": size, "width or height": sides, "fit": fit, "long_side": long_side}
    given = [name for name, value in wishes.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} contradict each other; give one of them")
    for length in (*(size or ()), width, height, *(fit or ()), long_side):
        if length is not None and length < 1:
            raise ValueError(f"a picture must be at least 1 pixel wide and high, not {length}")
    if scale is not None and not 1 <= scale <= LARGEST:
        raise ValueError(f"the scale must be from 1 to {LARGEST}, not {scale:g}")
    across, down = source
    if scale is not None:
        final = _scaled(source, scale)
    elif size is not None:
        final = size
    elif width is not None:
        final = _scaled(source, width / across) if height is None else (width, height)
    elif height is not None:
        final = _scaled(source, height / down)
    elif fit is not None:
        final = _scaled(source, min(fit[0] / across, fit[1] / down))
    elif long_side is not None:
        final = _scaled(source, long_side / max(source))
    else:
        only = 2 if 2 in scales else min(scales)
        return Plan((only,), (across * only, down * only))
    factor = max(final[0] / across, final[1] / down)
    if factor > LARGEST * (1 + SLACK):
        raise ValueError(
            f"{final[0]}x{final[1]} is {factor:.1f} times as large as the picture, which is {across}x{down}; "
            f"{LARGEST} times is the most"
        )
    return Plan(_chain(factor, scales), final)


def _scaled(source: Size, factor: float) -> Size:
    return max(1, math.floor(source[0] * factor + 0.5)), max(1, math.floor(source[1] * factor + 0.5))


def _chain(factor: float, scales: Collection[int]) -> tuple[int, ...]:
    if factor <= 1 + SLACK:
        return (1,) if 1 in scales and factor >= 1 else ()  # a model of scale 1 cleans up
    steps = sorted((scale for scale in scales if scale > 1), reverse=True)
    if not steps:
        raise ValueError("the model does not enlarge; choose another")
    found = [
        chain
        for count in range(1, math.ceil(math.log2(LARGEST)) + 1)
        for chain in combinations_with_replacement(steps, count)
        if math.prod(chain) * (1 + SLACK) >= factor
    ]
    return min(found, key=lambda chain: (math.prod(chain), len(chain)))
