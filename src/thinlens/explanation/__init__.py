"""Why a network works, as pictures: its filters and which of them wins, its branches, its tables, its feature maps."""

from .sections import explain

__all__ = ["explain"]
