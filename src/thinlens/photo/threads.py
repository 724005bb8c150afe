"""How many threads libvips may use for one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyvips


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within the block libvips works on each picture with so many threads, in the whole process."""
    before = pyvips.concurrency_get()
    pyvips.concurrency_set(count)
    try:
        yield
    finally:
        pyvips.concurrency_set(before)
