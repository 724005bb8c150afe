"""Photos of any size: read, enlarged and written band by band, with the result of doing it in one piece."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from .forks import using_libvips
from .photo import Details
from .resize import resize_image
from .saving import USUAL, Encoding, check_target, replacing, save

PATIENCE = 0.1
"""Seconds after which one side of the queue looks whether the other is still there."""


@dataclass(frozen=True)
class Stage:
    """Something done to pixels: `scale` times larger, each by what is at most `halo` pixels of the source away."""

    apply: Callable[[NDArray[Any]], NDArray[Any]]
    halo: int
    scale: int


def in_bands(bands: Iterable[NDArray[Any]], stage: Stage) -> Iterator[NDArray[Any]]:
    """A stage done to a picture that comes in bands of rows; together the results are that of the whole picture."""
    rest = iter(bands)
    held, above = next(rest), 0  # the rows in hand, and how many of them are there only for the ones below
    while True:
        band = next(rest, None)
        if band is not None:
            held = np.concatenate([held, band])
        end = len(held) if band is None else len(held) - stage.halo
        if end > above:
            yield stage.apply(held)[above * stage.scale : end * stage.scale]
            held, above = held[max(0, end - stage.halo) :], min(end, stage.halo)
        if band is None:
            return


def write_bands(
    bands: Iterator[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    path: str | os.PathLike[str],
    size: tuple[int, int],
    details: Details,
    encoding: Encoding = USUAL,
) -> None:
    """Write a photo that comes in bands, `(H, W)` or `(H, W, channels)` with alpha last, uint8 or uint16.

    It is resized to `size`, width and height; all else is as in `photo.write`. While a band is encoded, the next is
    made.
    """
    using_libvips()
    path = Path(path)
    check_target(path, encoding)
    transparent = shape[2:] in ((2,), (4,))
    chunks: Queue[bytes] = Queue(maxsize=1)
    with replacing(path) as temporary, ThreadPoolExecutor(1) as threads:
        ending = threads.submit(_encode, chunks, transparent, size, path, temporary, details, encoding)
        try:
            for chunk in _as_png(bands, shape, dtype):
                if not _put(chunks, chunk, ending):
                    break
        finally:
            _put(chunks, b"", ending)  # after an error: an end that the decoder takes for a cut file
        ending.result()


def _encode(
    chunks: Queue[bytes],
    transparent: bool,
    size: tuple[int, int],
    path: Path,
    temporary: str,
    details: Details,
    encoding: Encoding,
) -> None:
    source = pyvips.SourceCustom()
    source.on_read(_Reader(chunks).read)
    image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="truncated")
    save(resize_image(image, size, transparent=transparent), path, temporary, details, encoding)


def _put(chunks: Queue[bytes], chunk: bytes, encoding: Future[None]) -> bool:
    """Hand over a chunk; False if nobody takes it any more."""
    while not encoding.done():
        try:
            chunks.put(chunk, timeout=PATIENCE)
        except Full:
            continue
        return True
    return False


class _Reader:
    """Chunks as something to read from, until an empty one."""

    def __init__(self, chunks: Queue[bytes]) -> None:
        self._chunks, self._left, self._ended = chunks, memoryview(b""), False

    def read(self, count: int) -> bytes:
        while not self._left and not self._ended:
            try:
                self._left = memoryview(self._chunks.get(timeout=PATIENCE))
            except Empty:
                continue
            self._ended = not self._left
        taken = self._left[:count]
        self._left = self._left[len(taken) :]
        return bytes(taken)


def _as_png(bands: Iterable[NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[bytes]:
    """Bands as a PNG file that is not compressed: the one stream of pixels that libvips reads and knows the depth of.

    PNG [W3C2025]: signature, header, image data in a zlib stream of stored blocks, every row after a filter byte 0.
    """
    height, width, channels = (*shape, 1)[:3]
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    yield b"\x89PNG\r\n\x1a\n"
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, color, 0, 0, 0))
    stored = zlib.compressobj(0)
    for band in bands:
        rows = np.zeros((len(band), 1 + width * channels * dtype.itemsize), np.uint8)
        rows[:, 1:] = np.ascontiguousarray(band, dtype.newbyteorder(">")).reshape(len(band), -1).view(np.uint8)
        yield _chunk(b"IDAT", stored.compress(rows.data))
    yield _chunk(b"IDAT", stored.flush())
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))
