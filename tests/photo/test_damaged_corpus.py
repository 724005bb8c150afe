"""No wrong picture without a sentence: `pytest tests/photo/test_damaged_corpus.py -m slow -s`.

THINLENS_FUZZ says how many damaged files [20000]. The right picture is that of the file before it was damaged. Only
PNG has checksums of all pixels; the other formats tell a cut, and of changed bytes what their codecs stumble over.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from corpus import cases, encode
from thinlens.photo import open_photo

COUNT = int(os.environ.get("THINLENS_FUZZ", "20000"))
KINDS = ("cut", "zeros", "flip")

LAST = 2
"""Bytes at the end of a JPEG file, end marker and codes of the last blocks, whose lack cannot always be told."""


def damaged(content: bytes, kind: str, random: np.random.Generator) -> bytes:
    data = bytearray(content)
    at = int(random.integers(len(data)))
    if kind == "cut":
        return bytes(data[:at])
    if kind == "flip":
        data[at] ^= 1 << int(random.integers(8))
    else:
        end = min(len(data), at + int(random.integers(1, 200)))
        data[at:end] = bytes(end - at)
    return bytes(data)


def outcome(path: Path, right: list[np.ndarray]) -> str:
    try:
        opened = open_photo(path)
        photo = opened.read()
    except (OSError, ValueError):
        return "refused"
    found = [photo.pixels] if photo.alpha is None else [photo.pixels, photo.alpha]
    if len(found) == len(right) and all(map(np.array_equal, found, right)):
        return "right"
    return "noted" if opened.notes else "wrong"


@pytest.mark.slow
def test_no_picture_is_wrong_without_a_sentence_where_the_format_can_tell(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    kept = [case for case in cases() if case.orientation in (1, 6)]
    files = [tmp_path / "seeds" / f"{number:03}{case.suffix}" for number, case in enumerate(kept)]
    for case, path in zip(kept, files, strict=True):
        encode(case, path)
    rights = []
    for path in files:
        photo = open_photo(path).read()
        rights.append([photo.pixels] if photo.alpha is None else [photo.pixels, photo.alpha])
    counts: Counter[tuple[str, str, str]] = Counter()
    failures: list[str] = []
    for number in range(COUNT):
        random = np.random.default_rng(number)
        index, kind = int(random.integers(len(files))), KINDS[number % len(KINDS)]
        suffix = files[index].suffix
        path = tmp_path / f"{number}{suffix}"  # a name of its own: libvips keeps what it has read
        path.write_bytes(damaged(files[index].read_bytes(), kind, random))
        found = outcome(path, rights[index])
        counts[suffix, kind, found] += 1
        lacking = files[index].stat().st_size - path.stat().st_size
        can_tell = suffix == ".png" or (kind == "cut" and (suffix != ".jpg" or lacking > LAST))
        if found == "wrong" and can_tell:
            failures.append(f"{number}: {files[index].name} {kind}, {lacking} bytes lacking")
        path.unlink()
    for key, count in sorted(counts.items()):
        print(*key, count)
    assert not failures, f"{len(failures)}: {failures[:20]}"
