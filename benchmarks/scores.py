"""Score the released models and what their fixed-point forms lose; writes benchmarks/results/scores.md and .json.

python benchmarks/scores.py DATA/Set5 DATA/Set14 DATA/BSD100 DATA/Kodak24
"""

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import thinlens
from thinlens.evaluate import Score, report
from thinlens.program import Program

RESULTS = Path(__file__).parent / "results"
HEAD = """# Scores of the released models

PSNR in dB / SSIM, by the protocol of `thinlens.evaluate` (MATLAB-style bicubic low images at 8 bits, the user's call on
RGB, BT.601 studio-range luma, a border of `scale` pixels left out), {date}. None of these pictures was trained on.
Made by `python benchmarks/scores.py`; every picture's score is in scores.json.

{scores}
## What fixed point loses

`fast` computes 8-bit pictures in integers. The same pictures through its float program:

{fixed}"""


def float_program(preset: str, scale: int) -> Program:
    """The preset without its integer twin, under a name that says so."""
    program = thinlens.load(preset, scale)
    return replace(program, name=f"{program.name} (float)", uint8=None)


def main(folders: list[str]) -> None:
    """Write both files."""
    scores: list[Score] = thinlens.evaluate(["bicubic", *thinlens.models.PRESETS], folders, progress=print)
    floats = thinlens.evaluate([float_program("fast", scale) for scale in (2, 3, 4)], folders, progress=print)
    fixed = [score for score in scores if score.model in {thinlens.load("fast", scale).name for scale in (2, 3, 4)}]
    text = HEAD.format(
        date=date.today().isoformat(), scores=report.markdown(scores), fixed=report.markdown([*floats, *fixed])
    )
    (RESULTS / "scores.md").write_text(text, encoding="utf-8")
    (RESULTS / "scores.json").write_text(report.to_json([*scores, *floats]) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
