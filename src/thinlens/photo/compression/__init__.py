"""What the headers of a photo file say of how hard it was compressed, without decoding anything."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import avif, jpeg, webp


@dataclass(frozen=True, eq=False)
class Compression:
    """How the luma of a file was quantized, in the terms of its format.

    For JPEG that is a `table` of steps, `(8, 8)` float64, for WebP and AVIF an `index` of quantizers, 0 to 127 and 0 to
    255, the higher the coarser.
    """

    format: str
    table: NDArray[np.float64] | None = None
    index: int = 0


def compression(path: str | os.PathLike[str]) -> Compression | None:
    """What the headers of a file say; None for formats without loss, and where they cannot be read."""
    with open(path, "rb") as file:
        return _of_file(file)


def compression_of(data: bytes) -> Compression | None:
    """What the headers of a file in memory say."""
    return _of_file(io.BytesIO(data))


def _of_file(file: BinaryIO) -> Compression | None:
    beginning = file.read(12)
    file.seek(0)
    if beginning.startswith(b"\xff\xd8"):
        table = jpeg.luma_table(file)
        return None if table is None else Compression("JPEG", table)
    if beginning[8:12] == b"WEBP":
        format, index = "WebP", webp.base_index(file)
    elif beginning[4:8] == b"ftyp":
        format, index = "AVIF", avif.base_index(file)
    else:
        return None
    return None if index is None else Compression(format, index=index)
