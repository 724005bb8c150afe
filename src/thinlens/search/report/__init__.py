"""What a search has found: the front of each scale as a table, a drawing and a page that works offline."""

from .fronts import fronts, markdown, table
from .write import write

__all__ = ["fronts", "markdown", "table", "write"]
