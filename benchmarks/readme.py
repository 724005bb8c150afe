"""Write the README's table of released models from results/: `python benchmarks/readme.py`.

All between the two marker comments is made here: sizes from the model files, times from speed-released.json,
speed-released-rgb.json and processors.json, scores from scores.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill

from thinlens import models
from thinlens.evaluation import Speed
from thinlens.evaluation.protocol import BICUBIC
from thinlens.evaluation.report import from_json

README = Path(__file__).parents[1] / "README.md"
RESULTS = Path(__file__).parent / "results"
START, END = "<!-- Made by `python benchmarks/readme.py`: -->\n", "<!-- to here. -->\n"
SETS = ("Set5", "Set14", "BSD100")
CLASSES = {
    "AVX2": "AVX2 (Core before the 12th generation, Zen to Zen 3)",
    "AVX-VNNI": "AVX-VNNI (Core since the 12th)",
    "this one": "AVX-512 with VNNI (Zen 4 and 5, Xeon)",
}


def rewritten(readme: str) -> str:
    """The README's text with the figures of the results."""
    before, _, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README.md must have the lines {START.strip()} and {END.strip()}; put them around its table")
    return f"{before}{START}\n{figures()}\n{END}{after}"


def figures() -> str:
    """The table and the sentences below it."""
    speeds = [Speed.from_json(_result(f"speed-released{part}.json")) for part in ("", "-rgb")]
    scores = {
        (score.model, score.scale, score.data): score.psnr
        for score in from_json(_result("scores.json"))
        if score.jpeg is None
    }
    lines = [
        f"| model | scale | id | KiB | ms luma | ms RGB | {' | '.join(SETS)} |",
        f"|---|---|---|---:|---:|---:|{'---:|' * len(SETS)}",
    ]
    for scale in models.SCALES:
        for preset, pattern in models.PRESETS.items():
            name = pattern.format(scale=scale)
            size = f"{models.path(preset, scale).stat().st_size / 1024:.0f}"
            cells = [preset, f"×{scale}", name, size, *(_milliseconds(speed, name, "thinlens") for speed in speeds)]
            lines.append(_row([*cells, *(f"{scores[name, scale, data]:.2f}" for data in SETS)]))
        lines.append(_row([BICUBIC, f"×{scale}", *[""] * 4, *(f"{scores[BICUBIC, scale, data]:.2f}" for data in SETS)]))
    return "\n".join(lines) + f"\n\n{_circumstances(*speeds)}\n{_processors()}"


def _circumstances(luma: Speed, color: Speed) -> str:
    if (luma.size, luma.threads, luma.machine, luma.date) != (color.size, color.threads, color.machine, color.date):
        raise ValueError("luma and RGB were measured apart: run python benchmarks/speed.py released released-rgb")
    width, height = luma.size
    quickest = models.names()[0]
    opencv = [_milliseconds(speed, quickest, "opencv") for speed in (luma, color)]
    text = (
        f"Milliseconds for a picture of {width}×{height} pixels at that scale, 8 bits, on {luma.threads} threads "
        f"({luma.machine}; {luma.date}); beside `{next(iter(models.PRESETS))}`, OpenCV's `INTER_CUBIC` takes "
        f"{opencv[0]} ms (luma) and {opencv[1]} ms (BGR) at ×2. PSNR in dB by the usual protocol, through the call "
        "above."
    )
    return fill(text, 120, break_on_hyphens=False, break_long_words=False) + "\n"


def _processors() -> str:
    """The presets at ×2 on classes of processors, all measured on one machine, and what they are."""
    found = json.loads(_result("processors.json"))
    times = {(part["target"], part["picture"]): part["times"] for part in found["forms"]}
    rows = [(preset, f"{preset} int8") for preset in models.PRESETS] + [("OpenCV `INTER_CUBIC`", "opencv")]
    lines = [
        f"| ×2, ms luma / RGB | {' | '.join(CLASSES.values())} |",
        f"|---|{'---:|' * len(CLASSES)}",
    ]
    for name, key in rows:
        cells = (" / ".join(_rounded(times[target, kind][key][1]) for kind in ("luma", "RGB")) for target in CLASSES)
        lines.append(_row([name, *cells]))
    text = (
        f"The same on another day, each class named on one machine ({found['machine']}; 2 threads; {found['date']}), "
        "whose clock was slower: [benchmarks/results/processors.md](benchmarks/results/processors.md)."
    )
    return "\n".join(lines) + f"\n\n{fill(text, 120, break_on_hyphens=False, break_long_words=False)}\n"


def _milliseconds(speed: Speed, model: str, engine: str) -> str:
    (median,) = (timing.median for timing in speed.timings if (timing.model, timing.engine) == (model, engine))
    return _rounded(median)


def _rounded(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 19.95 else f"{milliseconds:.0f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  ", "| ")


def _result(name: str) -> str:
    return (RESULTS / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
