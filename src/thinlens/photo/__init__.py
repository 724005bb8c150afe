"""Photographs: files to pixels and back, with all that belongs to them. The only place that knows file formats."""

from .alpha import bleed
from .files import SUFFIXES, Photo, UnfinishedError, check_target, read, write

__all__ = ["SUFFIXES", "Photo", "UnfinishedError", "bleed", "check_target", "read", "write"]
