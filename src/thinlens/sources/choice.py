"""Choosing a source: the weights, of all that a model has, that suit a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..models import CLEAN, SOURCES, check_source
from .content import apparent_quality, find_grid
from .quality import quality

if TYPE_CHECKING:
    from ..photo import Compression

AUTO = "auto"
"""To be chosen by what a file says, or, where it says nothing, by what is seen in the picture."""
DEGREES = (96.8, 85.5, 64.5)
"""The qualities below which the next of `SOURCES` is better; measured, see docs/sources.md."""
AS_ASKED = "as asked"


@dataclass(frozen=True)
class Choice:
    """A source, and why it was taken."""

    source: str
    why: str = AS_ASKED
    apparent: str = field(default=CLEAN, compare=False)
    """What the picture looks like to `by_content` if it has been through no more than its file says."""

    @property
    def asked(self) -> bool:
        """Whether it is just what was asked for."""
        return self.why == AS_ASKED

    def __str__(self) -> str:
        return f"{self.source} ({self.why})"


SHOWING = (CLEAN, "jpeg-high")
"""Sources whose files may show what was before; coarser steps hide it."""
MARGIN = 2.0
"""By how much the quality that a picture shows may be off."""
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
    apparent = CLEAN if found.table is None else of_quality(apparent_quality(found.table) - MARGIN)
    return Choice(of_quality(worth), f"{kind}JPEG of quality {worth:.0f}", apparent)


def by_content(bands: Iterable[NDArray[Any]], shape: Sequence[int]) -> Choice:
    """By what is seen in a picture, which comes in bands as `content.find_grid` takes them."""
    grid = find_grid(bands, shape)
    if grid is None:
        return UNTOUCHED
    return Choice(of_quality(grid.quality), f"traces of JPEG of quality {grid.quality:.0f}")


def of_file(said: Choice | None, look: Callable[[], Choice]) -> Choice:
    """By both: what the headers of a file say, and what is seen in its picture, which `look` finds out.

    A file that was saved at high quality may show that it had been through more before.
    """
    if said is None:
        return look()
    if said.source not in SHOWING:
        return said
    seen = look()
    if SOURCES.index(seen.source) <= max(map(SOURCES.index, (said.source, said.apparent))):
        return said
    return Choice(seen.source, f"{seen.why}, saved again: {said.why}")


def of_quality(quality: float) -> str:
    """The source for JPEG of a quality, 1 to 100."""
    return SOURCES[sum(quality < degree for degree in DEGREES)]
