"""Photographs: files to pixels and back, with all that belongs to them. The only place that knows file formats."""

from .alpha import bleed
from .files import SUFFIXES, Photo, UnfinishedError, check_target, read, write
from .temporary import abandon, appearing, clean
from .threads import threads

__all__ = [
    "SUFFIXES",
    "Photo",
    "UnfinishedError",
    "abandon",
    "appearing",
    "bleed",
    "check_target",
    "clean",
    "read",
    "threads",
    "write",
]
