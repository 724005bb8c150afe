"""Photographs: files to pixels and back, with all that belongs to them. The only place that knows file formats."""

from .alpha import BLEED, bleed
from .bands import Stage, in_bands, write_bands
from .compression import Compression, compression, compression_of
from .formats import OTHER_SUFFIXES, READ_SUFFIXES
from .in_memory import as_jpeg, decoded
from .metadata import Metadata, Resource, Text
from .opening import LIMIT, Opened, check_megapixels, open_photo, read
from .photo import Details, Photo, split, stack
from .profile import Profile
from .resize import resize
from .saving import (
    SUFFIXES,
    USUAL,
    Encoding,
    UnfinishedError,
    check_size,
    check_target,
    ending_of,
    resize_photo,
    write,
)
from .threads import threads

__all__ = [
    "BLEED",
    "LIMIT",
    "OTHER_SUFFIXES",
    "READ_SUFFIXES",
    "SUFFIXES",
    "USUAL",
    "Compression",
    "Details",
    "Encoding",
    "Metadata",
    "Opened",
    "Photo",
    "Profile",
    "Resource",
    "Stage",
    "Text",
    "UnfinishedError",
    "as_jpeg",
    "bleed",
    "check_megapixels",
    "check_size",
    "check_target",
    "compression",
    "compression_of",
    "decoded",
    "ending_of",
    "in_bands",
    "open_photo",
    "read",
    "resize",
    "resize_photo",
    "split",
    "stack",
    "threads",
    "write",
    "write_bands",
]
