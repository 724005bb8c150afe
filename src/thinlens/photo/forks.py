"""libvips and forks: its threads stay behind in the parent, and a child that waits for them waits forever."""

from __future__ import annotations

import os

_used = False
"""Whether this process has used libvips."""
_parent_used = False
"""Whether one that it was forked from had, before the fork."""


def using_libvips() -> None:
    """To be said before libvips is used. Raises OSError in a process forked from one that had used it."""
    global _used
    if _parent_used:
        raise OSError(
            "photo files, alpha and sizes but 2, 3 and 4 times go through libvips, which hangs in a process that was "
            "forked from one that had used it; start processes by spawn: multiprocessing.get_context('spawn'), or "
            "DataLoader(..., multiprocessing_context='spawn')"
        )
    _used = True


def _forked() -> None:
    global _parent_used
    _parent_used = _used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
