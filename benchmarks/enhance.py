"""Score the retouching of color tables; writes benchmarks/results/enhance.md and .json.

python benchmarks/enhance.py RETOUCH KODAK24 PROGRAM…

RETOUCH has photos before and after an expert's retouching in `input` and `target`, KODAK24 good photos that should stay
good. Programs of one id are runs with different seeds.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from thinlens import photo, program, run
from thinlens.program import Program
from thinlens.program.ops import LUMA_WEIGHTS

Picture = NDArray[np.uint8]
Retouch = Callable[[Picture], Picture]

RESULTS = Path(__file__).parent / "results"
SKIN = {
    "very light": (230, 188, 170),
    "light (ColorChecker 2)": (194, 150, 130),
    "medium": (172, 120, 90),
    "dark (ColorChecker 1)": (115, 82, 68),
    "deep": (82, 56, 45),
}
"""Skin of different people in mid light, sRGB."""
LEVELS = 0.005
"""The share of pixels that auto-levels clips at either end."""
SAMPLES = 100_000
"""Of pixels whose ΔE₀₀ is taken; PSNR is of all."""
HEAD = """# Scores of retouching

{pairs} pairs of photos before and after an expert's retouching (MIT-Adobe FiveK, expert C), {date}. Nothing here was
trained on them, but the damage and the choice of good photos were decided with their scores in view, so for the
released model they are no untouched test. PSNR in dB and ΔE₀₀ (CIEDE2000) of RGB at 8 bits, means over the photos;
"worse" counts photos that are further from the expert's than untouched. Of several runs with different seeds the means
are given. Made by `python benchmarks/enhance.py`.

{scores}
## What stays

A good photo should stay good: {kodak} photos of Kodak24 and the table that each gets. ΔE₀₀ is the mean change; skin is
how far the hue of five swatches turns, in degrees of CIELAB, at most and on average; gray is the steepest and the least
slope along gray, of {kodak} + {pairs} tables and those of some ramps, where 1 is the photo's own; 16 bits is the
largest step of a ramp of all 65,536 values.

{stays}
## Photo by photo

{photos}"""


@dataclass(frozen=True)
class Score:
    """What a way of retouching did: for each pair PSNR and ΔE₀₀, and what it left as it was."""

    name: str
    psnr: dict[str, float]
    difference: dict[str, float]
    change: float | None = None
    skin: tuple[float, float] | None = None
    slopes: tuple[float, float] | None = None
    step: int | None = None


def main(retouch: str, kodak: str, *programs: str) -> None:
    """Write both files."""
    pairs = {
        file.stem: (read(file), read(target))
        for file in sorted((Path(retouch) / "input").iterdir())
        for target in (Path(retouch) / "target").glob(f"{file.stem}.*")
    }
    good = [read(file) for file in sorted(Path(kodak).iterdir()) if file.suffix.lower() in photo.SUFFIXES]
    scores = [
        against("untouched", pairs, lambda picture: picture),
        against("auto-levels", pairs, lambda picture: levels(picture, 1.0)),
        against("auto-levels, half", pairs, lambda picture: levels(picture, 0.5)),
    ]
    for path in programs:
        scores.append(of_model(program.load(path), pairs, good))
        print(scores[-1].name, np.mean([*scores[-1].psnr.values()]), scores[-1])
    (RESULTS / "enhance.json").write_text(json.dumps([asdict(score) for score in scores], indent=1) + "\n")
    text = HEAD.format(
        pairs=len(pairs),
        kodak=len(good),
        date=date.today().isoformat(),
        scores=table_of_scores(scores),
        stays=table_of_what_stays(scores),
        photos=table_of_photos(scores),
    )
    (RESULTS / "enhance.md").write_text(text, encoding="utf-8")


def read(path: Path) -> Picture:
    """A photo as `(H, W, 3)` uint8."""
    pixels = photo.read(path).pixels
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def against(name: str, pairs: dict[str, tuple[Picture, Picture]], retouch: Retouch) -> Score:
    """Compare what is made of the inputs with the targets."""
    psnr: dict[str, float] = {}
    difference: dict[str, float] = {}
    for key, (before, after) in pairs.items():
        made = retouch(before)
        psnr[key] = float(-10 * np.log10(((made.astype(float) - after) ** 2).mean() / 255**2))
        difference[key] = delta(made, after)
    return Score(name, psnr, difference)


def of_model(model: Program, pairs: dict[str, tuple[Picture, Picture]], good: list[Picture]) -> Score:
    """Compare, and look at the tables that photos get."""
    grading = run.grading(model)
    score = against(model.name, pairs, lambda picture: run.enhance(picture, model))
    changes = [delta(run.enhance(picture, model), picture) for picture in good]
    looks = [grading.look([picture], picture.shape) for picture in good]
    skin = np.array([list(SKIN.values())], np.float32) / 255
    turns = np.abs([turn(skin, look(skin)) for look in looks])
    ramps = [np.tile(np.linspace(0, 1, 256, dtype=np.float32)[:, None], (64, 1, 3)) ** power for power in (0.5, 1, 2)]
    looks += [grading.look([picture], picture.shape) for picture, _ in pairs.values()]
    looks += [grading.look([ramp], ramp.shape) for ramp in ramps]
    gray = np.repeat(np.linspace(0, 1, 1025, dtype=np.float32)[None, :, None], 3, axis=2)
    slopes = np.array([np.diff(look(gray)[0], axis=0) * 1024 for look in looks])
    fine = np.repeat(np.arange(65536, dtype=np.uint16)[None, :, None], 3, axis=2)
    steps = [np.diff(look(fine)[0].astype(int), axis=0) for look in looks]
    assert min(int(step.min()) for step in steps) >= 0 or slopes.min() < 0
    return Score(
        score.name,
        score.psnr,
        score.difference,
        float(np.mean(changes)),
        (float(turns.max()), float(turns.mean())),
        (float(slopes.max()), float(slopes.min())),
        max(int(step.max()) for step in steps),
    )


def levels(picture: Picture, strength: float) -> Picture:
    """Luma stretched to 0…255 but for the ends, so that 0.5 % are clipped at either."""
    low, high = np.quantile(picture @ np.array(LUMA_WEIGHTS), (LEVELS, 1 - LEVELS))
    stretched = (picture - low) * (255 / max(high - low, 1))
    return np.clip(np.rint(picture + strength * (stretched - picture)), 0, 255).astype(np.uint8)


def delta(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Mean ΔE₀₀ of sRGB pictures, of pixels on a grid of which there are about `SAMPLES`, as it is slow."""
    step = max(1, round((one.shape[0] * one.shape[1] / SAMPLES) ** 0.5))
    one, other = one[::step, ::step], other[::step, ::step]
    return float(deltaE_ciede2000(rgb2lab(one), rgb2lab(other)).mean())


def turn(before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
    """By how many degrees the CIELAB hue of colors `(1, n, 3)` turns."""
    first, second = (np.arctan2(lab[..., 2], lab[..., 1]) for lab in map(rgb2lab, (before, np.clip(after, 0, 1))))
    return np.degrees((second - first + np.pi) % (2 * np.pi) - np.pi)[0]


def groups(scores: list[Score]) -> dict[str, list[Score]]:
    """Runs with different seeds together."""
    found: dict[str, list[Score]] = {}
    for score in scores:
        found.setdefault(score.name, []).append(score)
    return found


def table_of_scores(scores: list[Score]) -> str:
    """Means over photos and seeds."""
    untouched = scores[0].psnr
    lines = ["| | PSNR | of each seed | worse, of each seed | ΔE₀₀ |", "|---|---:|---:|---:|---:|"]
    for name, runs in groups(scores).items():
        means = [np.mean([*score.psnr.values()]) for score in runs]
        worse = [sum(value < untouched[key] for key, value in score.psnr.items()) for score in runs]
        difference = np.mean([[*score.difference.values()] for score in runs])
        seeds = ", ".join(f"{mean:.2f}" for mean in means) if len(runs) > 1 else ""
        counts = "" if runs[0].psnr is untouched else ", ".join(map(str, worse))
        lines.append(f"| {name} | {np.mean(means):.2f} | {seeds} | {counts} | {difference:.2f} |")
    return "\n".join(lines) + "\n"


def table_of_what_stays(scores: list[Score]) -> str:
    """The worst of the seeds, but for changes."""
    lines = ["| | ΔE₀₀ | skin, most / mean | gray, most / least | 16 bits |", "|---|---:|---:|---:|---:|"]
    for name, runs in groups(scores).items():
        if runs[0].change is None:
            continue
        change = np.mean([score.change for score in runs if score.change is not None])
        skin = [max(values) for values in zip(*(score.skin for score in runs if score.skin), strict=True)]
        slopes = list(zip(*(score.slopes for score in runs if score.slopes), strict=True))
        step = max(score.step for score in runs if score.step is not None)
        lines.append(
            f"| {name} | {change:.2f} | {skin[0]:.1f}° / {skin[1]:.1f}° | "
            f"{max(slopes[0]):.2f} / {min(slopes[1]):.2f} | {step} |"
        )
    return "\n".join(lines) + "\n"


def table_of_photos(scores: list[Score]) -> str:
    """PSNR, the mean of the seeds."""
    grouped = groups(scores)
    lines = ["| photo | " + " | ".join(grouped) + " |", "|---|" + "---:|" * len(grouped)]
    for key in scores[0].psnr:
        values = [np.mean([score.psnr[key] for score in runs]) for runs in grouped.values()]
        lines.append(f"| {key} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
