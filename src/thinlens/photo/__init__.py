"""Photographs: files to pixels and back, with all that belongs to them. The only place that knows file formats."""

from .alpha import premultiply, unpremultiply
from .files import SUFFIXES, Photo, UnfinishedError, check_target, read, write

__all__ = ["SUFFIXES", "Photo", "UnfinishedError", "check_target", "premultiply", "read", "unpremultiply", "write"]
