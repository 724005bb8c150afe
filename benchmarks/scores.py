"""Score the released models and what their integer forms lose; writes benchmarks/results/scores.md and .json.

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

PSNR in dB / SSIM, by the protocol of `thinlens.evaluate` (MATLAB-style bicubic low images at 8 bits, the user's call on
RGB, BT.601 studio-range luma, a border of `scale` pixels left out), {date}. None of these pictures was trained on.
Made by `python benchmarks/scores.py`; every picture's score is in scores.json.

{scores}
## What bytes lose

For 8-bit pictures `fast` computes in integers, and networks of many layers with weights and maps of a byte. The same
pictures through their float programs:

{floats}"""


def main(folders: list[str]) -> None:
    """Write both files."""
    names = thinlens.models.names()
    scores: list[Score] = thinlens.evaluate(["bicubic", *names], folders, progress=print)
    twins = [program for program in map(thinlens.load, names) if program.uint8]
    exact = [replace(program, name=f"{program.name} (float)", uint8=None) for program in twins]
    floats = thinlens.evaluate(exact, folders, progress=print)
    text = HEAD.format(date=date.today().isoformat(), scores=report.markdown(scores), floats=report.markdown(floats))
    (RESULTS / "scores.md").write_text(text, encoding="utf-8")
    (RESULTS / "scores.json").write_text(report.to_json([*scores, *floats]) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
