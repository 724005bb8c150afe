"""Choosing a source: the weights, of all that a model has, that suit a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..models import CLEAN, SOURCES, check_source
from .content import find_grid
from .quality import quality

if TYPE_CHECKING:
    from ..photo import Compression

AUTO = "auto"
"""To be chosen by what a file says, or, where it says nothing, by what is seen in the picture."""
DEGREES = (95.5, 84.5, 64.5)
"""The qualities below which the next of `SOURCES` is better; measured, see docs/sources.md."""
AS_ASKED = "as asked"


@dataclass(frozen=True)
class Choice:
    """A source, and why it was taken."""

    source: str
    why: str = AS_ASKED

    @property
    def asked(self) -> bool:
        """Whether it is just what was asked for."""
        return self.why == AS_ASKED

    def __str__(self) -> str:
        return f"{self.source} ({self.why})"


SHOWING = (CLEAN, "jpeg-high")
"""Sources whose files may show what was before; coarser steps hide it."""
UNTOUCHED = Choice(CLEAN, "no traces of JPEG")
"""What nothing is seen of, which goes without saying."""


def asked(source: str) -> Choice | None:
    """The choice that was made already; None if it is still to be made. Raises ValueError for an unknown source."""
    if source == AUTO:
        return None
    check_source(source)
    return Choice(source)


def by_headers(path: str | os.PathLike[str]) -> Choice | None:
    """By what a photo file says of its compression; None if it says nothing, as PNG and TIFF."""
    from ..photo import compression

    return _of_compression(compression(path))


def by_headers_of(data: bytes) -> Choice | None:
    """The same for a file in memory."""
    from ..photo import compression_of

    return _of_compression(compression_of(data))


def _of_compression(found: Compression | None) -> Choice | None:
    if found is None:
        return None
    worth = quality(found)
    kind = "" if found.format == "JPEG" else f"{found.format} like "
    return Choice(of_quality(worth), f"{kind}JPEG of quality {worth:.0f}")


def by_content(bands: Iterable[NDArray[Any]], shape: Sequence[int]) -> Choice:
    """By what is seen in a picture, which comes in bands as `content.find_grid` takes them."""
    grid = find_grid(bands, shape)
    if grid is None:
        return UNTOUCHED
    return Choice(of_quality(grid.quality), f"traces of JPEG of quality {grid.quality:.0f}")


def of_file(said: Choice | None, look: Callable[[], Choice]) -> Choice:
    """By both: what the headers of a file say, and what is seen in its picture, which `look` finds out.

    A file that was saved at high quality may show what it had been through before, but not less than its headers say.
    """
    if said is None:
        return look()
    if said.source not in SHOWING:
        return said
    seen = look()
    if SOURCES.index(seen.source) <= SOURCES.index(said.source):
        return said
    return Choice(seen.source, f"{seen.why}, saved again: {said.why}")


def of_quality(quality: float) -> str:
    """The source for JPEG of a quality, 1 to 100."""
    return SOURCES[sum(quality < degree for degree in DEGREES)]
