"""How many threads libvips may use for one picture."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock

from pyvips.voperation import concurrency_get, concurrency_set

_lock = Lock()
_counts: list[int] = []
"""What libvips had before the first block, then the counts of the blocks that have not ended."""


@contextmanager
def threads(count: int) -> Generator[None, None, None]:
    """Within the block libvips works on each picture with so many threads, in the whole process.

    Blocks may overlap, in several threads too: the last one begun is in force, and nothing is left of any in the end.
    """
    with _lock:
        if not _counts:
            _counts.append(concurrency_get())
        _counts.append(count)
        concurrency_set(count)
    try:
        yield
    finally:
        with _lock:
            del _counts[len(_counts) - 1 - _counts[::-1].index(count)]  # of equal ones the last
            concurrency_set(_counts[-1])
            if len(_counts) == 1:
                _counts.clear()


def _forked() -> None:
    """In a child: the lock may have been held by a thread that is not here."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
