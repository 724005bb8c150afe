"""Damaged and hostile files: `pytest tests/photo/test_fuzz.py -m slow -s`; THINLENS_FUZZ says how many [20000].

Every file of the corpus, small, is changed at random and enlarged through the public call, in a process of its own, so
that a crash or a file that takes more than 10 s is seen. Each must end in one sentence or in a whole picture, and
leave nothing else behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from corpus import Case, cases, encode

COUNT = int(os.environ.get("THINLENS_FUZZ", "20000"))
SECONDS = 10
TARGETS = (".png",) * 6 + (".jpg", ".tif", ".webp")
CHILD = """
import sys; sys.path[:0] = sys.argv[4:]
from test_fuzz import child
child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
"""


def seeds(folder: Path) -> list[Path]:
    """The corpus, without most of what differs in orientation alone."""
    kept = [case for case in cases() if case.orientation in (1, 6)]
    kept += [Case("pillow", ".jpg", "RGB", orientation=5)]
    paths = [folder / f"{number:03}{case.suffix}" for number, case in enumerate(kept)]
    for case, path in zip(kept, paths, strict=True):
        encode(case, path)
    return paths


def mutate(content: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Change, repeat, remove or exchange some bytes; the beginning, where formats keep their structure, most."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 6))):
        span = len(data) if random.random() < 0.5 else min(len(data), 200)
        if span < 2:
            break
        at = int(random.integers(span))
        length = int(random.integers(1, 33))
        match int(random.integers(8)):
            case 0:
                data[at] ^= 1 << int(random.integers(8))
            case 1:
                data[at] = int(random.integers(256))
            case 2:
                value = int(random.choice([0, 1, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, 50_000]))
                data[at : at + 4] = value.to_bytes(4, "big" if random.random() < 0.5 else "little")
            case 3:
                data[at:at] = data[at : at + length] * int(random.integers(1, 9))
            case 4:
                del data[at : at + length]
            case 5:
                del data[at:]
            case 6:
                data[at : at + length] = random.bytes(length)
            case _:
                data[at:] = other[int(random.integers(len(other))) :]
    return bytes(data)


def child(folder: str, start: int, stop: int) -> None:
    """Enlarge the files of these numbers; each number is printed when its turn comes."""
    import faulthandler

    from thinlens import run
    from thinlens.photo import read
    from thinlens.program import Convolution, PixelShuffle, Program

    nearest = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))
    paths = sorted(Path(folder).iterdir())
    work = Path(folder).with_name(f"work-{start}")
    work.mkdir()
    contents = [path.read_bytes() for path in paths]
    for number in range(start, stop):
        print(json.dumps({"number": number}), flush=True)
        random = np.random.default_rng(number)
        chosen, other = (contents[int(random.integers(len(contents)))] for _ in range(2))
        low = work / "low.bin"
        low.write_bytes(mutate(chosen, other, random))
        high = work / f"high{TARGETS[int(random.integers(len(TARGETS)))]}"
        run.IN_ONE_PIECE, run.BAND, limit = (0, 5000, 4) if number % 2 else (2**28, 2**24, 100)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            plan = run.upscale_file(low, high, model=nearest, limit=limit).plan
        except (OSError, ValueError) as error:
            assert str(error).count("\n") == 0, error
            outcome = "refused"
        else:
            found = read(high)
            assert (found.pixels.shape[1], found.pixels.shape[0]) == plan.size
            high.unlink()
            outcome = "enlarged"
        faulthandler.cancel_dump_traceback_later()
        low.unlink()
        assert not list(work.iterdir()), list(work.iterdir())
        print(json.dumps({"outcome": outcome}), flush=True)


@pytest.mark.slow
def test_mutated_files_end_in_a_sentence_or_a_picture(tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    number_of_seeds = len(seeds(folder))
    begin, next_number = time.monotonic(), 0
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    paths = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    while next_number < COUNT and len(failures) < 10:
        stop = min(COUNT, next_number + 2500)
        command = [sys.executable, "-c", CHILD, str(folder), str(next_number), str(stop), *paths]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        outcomes.update(line["outcome"] for line in lines if "outcome" in line)
        begun = [line["number"] for line in lines if "number" in line]
        next_number = stop
        if done.returncode != 0:
            failures.append(f"number {begun[-1] if begun else '?'}, code {done.returncode}: {done.stderr[-3000:]}")
            next_number = begun[-1] + 1 if begun else stop
        print(
            f"{next_number}: {dict(outcomes)}, {len(failures)} failures, {time.monotonic() - begin:.0f} s", flush=True
        )
    print(f"{number_of_seeds} files, {COUNT} mutations: {dict(outcomes)} in {time.monotonic() - begin:.0f} s")
    assert not failures, "\n\n".join(failures)
