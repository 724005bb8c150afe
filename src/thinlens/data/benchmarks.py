"""Folders of pictures to score on: what is in them, and whether they are the well-known sets they are named after."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import photo

KNOWN = {
    "d997761150c2e04515030996fb9673c46ad588e54c62bf53610a76dcd4cb3771": "Set5",
    "350c418ca04c40144f88e5a1b39dfbf69b1ad72729121069e9c04c9d78d725d2": "Set14",
    "7d8bd468ae109984db3af24c8a402bb30429349a254b7fa1c2a492827622dc5b": "BSD100",
    "f97b10977f7344ea6d328ae0e59232ef493810c7ace2c3a5d4674e30dba989c0": "Kodak24",
}
"""Digests of the sets that the released models' scores were measured on (see `Benchmark.digest`)."""


@dataclass(frozen=True)
class Benchmark:
    """A folder of high-resolution pictures, in the order of their names."""

    folder: Path
    files: tuple[Path, ...]
    digest: str

    @property
    def name(self) -> str:
        """The set's name where the pictures are a known set, else the folder's."""
        return KNOWN.get(self.digest, self.folder.name)

    @property
    def known(self) -> bool:
        """Whether these are, byte for byte, the pictures of a known set."""
        return self.digest in KNOWN

    def pictures(self) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """File names and pictures: `(H, W)` or `(H, W, 3)` uint8, sRGB-encoded."""
        for path in self.files:
            yield path.name, _read(path)


def open_benchmark(folder: str | os.PathLike[str]) -> Benchmark:
    """List a folder's pictures. Raises NotADirectoryError or ValueError if there are none.

    The digest is the SHA-256 of the files' sorted SHA-256, so it does not depend on how the files are named.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder of pictures")
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    files = tuple(sorted(path for path in visible if path.suffix.lower() in photo.SUFFIXES))
    if not files:
        raise ValueError(f"{folder} has no pictures ({', '.join(photo.SUFFIXES)})")
    each = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return Benchmark(folder, files, hashlib.sha256("".join(each).encode()).hexdigest())


def _read(path: Path) -> NDArray[np.uint8]:
    pixels = photo.read(path).pixels
    if pixels.dtype != np.uint8:
        raise ValueError(f"{path} has 16 bits per channel; scores are taken on 8-bit pictures, so convert it first")
    return pixels
