"""What a picture has been through, and so which weights suit it: by what its file says, or by what is seen in it."""

from .choice import AUTO, UNTOUCHED, Choice, asked, by_content, by_headers, by_headers_of, of_file, of_quality
from .content import Grid, find_grid

__all__ = [
    "AUTO",
    "UNTOUCHED",
    "Choice",
    "Grid",
    "asked",
    "by_content",
    "by_headers",
    "by_headers_of",
    "find_grid",
    "of_file",
    "of_quality",
]
