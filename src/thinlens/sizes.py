"""How large a picture is to become, and through which models: plain arithmetic, before anything is enlarged."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations_with_replacement
from numbers import Real
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


@dataclass(frozen=True)
class TargetSize:
    """How large a picture is to become, said in one way.

    That is one of: `scale`, above 0, at most 16; `size`, exactly that, whatever it does to the proportions; `width`,
    `height` or both, where one alone keeps the proportions; `fit`, the largest size with these proportions that fits
    into a width and height; `long_side`, the longer of width and height. With none it is twice the size, or what a
    model with one scale does. All may also make a picture smaller. Raises TypeError or ValueError in one sentence.
    """

    scale: float | None = None
    size: Size | None = None
    width: int | None = None
    height: int | None = None
    fit: Size | None = None
    long_side: int | None = None

    def __post_init__(self) -> None:
        sides = self.width if self.height is None else self.height
        ways = {"scale": self.scale, "size": self.size, "width or height": sides}
        ways |= {"fit": self.fit, "long_side": self.long_side}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} contradict each other; give one of them")
        for name, pair in (("size", self.size), ("fit", self.fit)):
            if pair is not None and (isinstance(pair, str) or len(pair) != 2):
                raise TypeError(f"{name} is a width and a height, as (1920, 1080), not {pair!r}")
        for length in (*(self.size or ()), self.width, self.height, *(self.fit or ()), self.long_side):
            if length is not None and whole("number of pixels", length) < 1:
                raise ValueError(f"a picture must be at least 1 pixel wide and high, not {length}")
        if self.scale is not None and not 0 < number("scale", self.scale) <= LARGEST:
            raise ValueError(f"the scale must be above 0 and at most {LARGEST}, not {self.scale:g}")

    def of(self, source: Size) -> Size | None:
        """The size that a picture of the size `source` becomes; None where the model decides."""
        across, down = source
        if self.scale is not None:
            return _scaled(source, self.scale)
        if self.size is not None:
            return self.size
        if self.width is not None:
            return _scaled(source, self.width / across) if self.height is None else (self.width, self.height)
        if self.height is not None:
            return _scaled(source, self.height / down)
        if self.fit is not None:
            return _scaled(source, min(self.fit[0] / across, self.fit[1] / down))
        return None if self.long_side is None else _scaled(source, self.long_side / max(source))

    def label(self, scales: Collection[int]) -> str:
        """What the names of files say of it, such as `x2`, given the scales that the model offers."""
        parts = {
            "x": None if self.scale is None else f"{self.scale:g}",
            "": self.size and "{}x{}".format(*self.size),
            "w": self.width,
            "h": self.height,
            "fit": self.fit and "{}x{}".format(*self.fit),
            "long": self.long_side,
        }
        given = [f"{name}{value}" for name, value in parts.items() if value is not None]
        return "-".join(given) or f"x{_own(scales)}"


DEFAULT = TargetSize()
"""As large as the model makes a picture."""


def plan(source: Size, scales: Collection[int], target: TargetSize) -> Plan:
    """From the size of a picture and the scales that a model offers to the models to go through and the final size.

    The models are those that enlarge enough and least beyond it, the fewest of these, the largest first. Raises
    ValueError in one sentence.
    """
    across, down = source
    final = target.of(source)
    if final is None:
        return Plan((_own(scales),), (across * _own(scales), down * _own(scales)))
    factor = max(final[0] / across, final[1] / down)
    if factor > LARGEST * (1 + SLACK):
        raise ValueError(
            f"{final[0]}x{final[1]} is {factor:.1f} times as large as the picture, which is {across}x{down}; "
            f"{LARGEST} times is the most"
        )
    return Plan(_chain(factor, scales), final)


def number(name: str, value: object) -> float:
    """A number as it is. Raises TypeError if it is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"the {name} must be a number, not {value!r}")
    return float(value)


def whole(name: str, value: object) -> int:
    """A whole number, whatever its type. Raises TypeError for what is no number, ValueError for a fraction."""
    found = number(name, value)
    if not found.is_integer():
        raise ValueError(f"the {name} must be a whole number, not {found:g}")
    return int(found)


def _own(scales: Collection[int]) -> int:
    """How many times larger a model makes a picture when nobody says how large."""
    return 2 if 2 in scales else min(scales)


def _scaled(source: Size, factor: float) -> Size:
    return max(1, math.floor(source[0] * factor + 0.5)), max(1, math.floor(source[1] * factor + 0.5))


def _chain(factor: float, scales: Collection[int]) -> tuple[int, ...]:
    if factor <= 1 + SLACK:
        return (1,) if 1 in scales and factor >= 1 else ()  # a model of scale 1 cleans up
    larger = sorted((scale for scale in scales if scale > 1), reverse=True)
    if not larger:
        raise ValueError("the model does not enlarge; choose another")
    found = [
        chain
        for count in range(1, math.ceil(math.log2(LARGEST)) + 1)
        for chain in combinations_with_replacement(larger, count)
        if math.prod(chain) * (1 + SLACK) >= factor
    ]
    return min(found, key=lambda chain: (math.prod(chain), len(chain)))
