"""Score the released models and what their 8-bit forms cost; writes benchmarks/results/scores.md and .json.

python benchmarks/scores.py DATA/Set5 DATA/Set14 DATA/BSD100 DATA/Kodak24
"""

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import thinlens
from thinlens.evaluation import Score, report

RESULTS = Path(__file__).parent / "results"
HEAD = """# Scores of the released models

PSNR in dB / SSIM, by the protocol of `thinlens.evaluate` (MATLAB-style bicubic low-resolution pictures at 8 bits, the
user's call on RGB, BT.601 studio-range luma, a border of `scale` pixels left out), {date}. None of these pictures was
trained on.
Made by `python benchmarks/scores.py`; every picture's score is in scores.json.

{scores}
## What 8 bits cost

For 8-bit pictures `fast` computes in fixed point, and the networks of many layers whose weights are int8 in int8. The
same pictures through their float programs:

{floats}"""
COMPRESSED = """
## Compressed pictures

The low-resolution pictures saved as JPEG files of this quality (4:2:0) before they are enlarged, and the weights chosen
by what these files say ([docs/sources.md](../../docs/sources.md)). At ×1 they are cleaned up, and bicubic is the file.

{compressed}"""
QUALITIES = (75, 50)
FLOAT = " (float)"


def main(folders: list[str]) -> None:
    """Write both files."""
    names = thinlens.models.names()
    scores = thinlens.evaluate(["bicubic", *names], folders, progress=print)
    with_8_bits = [program for program in map(thinlens.load, names) if program.uint8]
    exact = [replace(program, name=f"{program.name}{FLOAT}", uint8=None) for program in with_8_bits]
    scores += thinlens.evaluate(exact, folders, progress=print)
    for quality in QUALITIES:
        enlarged = ["bicubic", *thinlens.models.PRESETS]
        scores += thinlens.evaluate(enlarged, folders, jpeg=quality, progress=print)
        scores += thinlens.evaluate(["bicubic", "balanced", "best"], folders, scale=1, jpeg=quality, progress=print)
    (RESULTS / "scores.json").write_text(report.to_json(scores) + "\n", encoding="utf-8")
    (RESULTS / "scores.md").write_text(text(scores, date.today().isoformat()), encoding="utf-8")


def text(scores: list[Score], day: str) -> str:
    """The content of scores.md."""
    floats = [score for score in scores if score.model.endswith(FLOAT)]
    compressed = [score for score in scores if score.jpeg is not None]
    released = [score for score in scores if score not in floats and score not in compressed]
    found = HEAD.format(date=day, scores=report.markdown(released), floats=report.markdown(floats))
    return found + (COMPRESSED.format(compressed=report.markdown(compressed)) if compressed else "")


if __name__ == "__main__":
    main(sys.argv[1:])
