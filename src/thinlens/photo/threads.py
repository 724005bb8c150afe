"""How many threads libvips may use for one picture."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pyvips.voperation import concurrency_get, concurrency_set


@contextmanager
def threads(count: int) -> Generator[None, None, None]:
    """Within the block libvips works on each picture with so many threads, in the whole process."""
    before = concurrency_get()
    concurrency_set(count)
    try:
        yield
    finally:
        concurrency_set(before)
