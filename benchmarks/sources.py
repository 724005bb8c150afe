"""How well sources are chosen, and what weights for compressed photos gain; writes results/sources.md and .json.

python benchmarks/sources.py KODAK24 PHOTOS [SCALE …]
python benchmarks/sources.py degrees PHOTOS

KODAK24 is scored, PHOTOS (those that networks are trained on) only looked at: are clean ones taken for clean? With
`degrees` nothing is written: the qualities are printed at which, for PHOTOS, the weights for one source begin to gain
more than those for the next, from which `sources.choice.DEGREES` comes.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

import thinlens
from thinlens import models, photo
from thinlens.data.degrade import crop_to_multiple, downscale, upscale_bicubic
from thinlens.evaluation.metrics import psnr
from thinlens.evaluation.protocol import studio_luma
from thinlens.evaluation.speed import machine
from thinlens.sources import Choice, by_content, by_headers, by_headers_of, find_grid
from thinlens.sources.quality import of_table

RESULTS = Path(__file__).parent / "results"
QUALITIES = tuple(range(30, 101, 5))
CROPPED = (30, 50, 65, 80)
COMPARED = ("balanced", "best")
"""The presets that other encoders than libjpeg-turbo are tried with."""
SMALLEST = 200
"""Pixels along a side of the smallest crop that traces are looked for in."""
PHOTOS, SIDE = 24, 384
"""How many training photos `degrees` takes, shrunk, and the side of the part of each."""
Pixels = NDArray[np.uint8]
Encoder = Callable[[Pixels, int], bytes]


def libjpeg(pixels: Pixels, quality: int) -> bytes:
    """libjpeg-turbo with the standard's tables, 4:2:0."""
    return _pillow(pixels, quality=quality)


def mozjpeg(pixels: Pixels, quality: int) -> bytes:
    """Mozjpeg with its own tables, trellis quantization and progressive scans, 4:2:0."""
    image = pyvips.Image.new_from_array(pixels, interpretation="srgb")
    return image.jpegsave_buffer(
        Q=quality,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_scans=True,
        interlace=True,
        quant_table=3,
        subsample_mode="on",
    )


def flat(pixels: Pixels, quality: int) -> bytes:
    """Tables as Photoshop and cameras have them, nearly flat with a cap, worth this quality, 4:4:4."""
    shape = np.minimum(2 + np.add.outer(np.arange(8) ** 2, np.arange(8) ** 2) / 7, 12)
    factors = np.geomspace(0.05, 40, 400)
    tables = [np.clip(np.rint(shape * factor), 1, 255) for factor in factors]
    table = min(tables, key=lambda table: abs(of_table(table) - quality))
    return _pillow(pixels, qtables=[table.astype(int).ravel().tolist()] * 2, subsampling=0)


ENCODERS: dict[str, Encoder] = {"libjpeg-turbo": libjpeg, "mozjpeg": mozjpeg, "nearly flat tables": flat}


def _pillow(pixels: Pixels, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def decoded(data: bytes) -> Pixels:
    """What a file shows."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def score(result: Pixels, high: Pixels, border: int) -> float:
    """By the protocol of `thinlens.evaluate`."""
    inside = (slice(border, high.shape[0] - border), slice(border, high.shape[1] - border))
    return psnr(studio_luma(result)[inside], studio_luma(high)[inside], data_range=255)


def of_picture(high: Pixels, scale: int, encode: Encoder, quality: int, presets: list[str]) -> dict[str, Any]:
    """Scores of one picture: of bicubic, of each preset with each source, and which was chosen."""
    high = crop_to_multiple(high, scale)
    data = encode(downscale(high, scale), quality)
    low = decoded(data)
    choice = by_headers_of(data)
    assert choice is not None
    found: dict[str, Any] = {"chosen": choice.source, "bicubic": score(upscale_bicubic(low, scale), high, scale)}
    for preset in presets:
        for source in models.sources(preset, scale):
            found[f"{preset} {source}"] = score(thinlens.upscale(low, scale, preset, source), high, scale)
        if scale == 1:
            found[f"{preset} clean"] = found["bicubic"]
    return found


def gains(pictures: list[Pixels], scale: int, encoder: str, presets: list[str]) -> list[dict[str, Any]]:
    """Mean gains over bicubic in dB: a row for each preset and quality, with those of all sources and of the chosen."""
    rows: list[dict[str, Any]] = []
    for quality in QUALITIES:
        print(f"×{scale}, {encoder}, quality {quality}", file=sys.stderr, flush=True)
        found = [of_picture(picture, scale, ENCODERS[encoder], quality, presets) for picture in pictures]
        for preset in presets:
            offered = [source for source in models.SOURCES if f"{preset} {source}" in found[0]]
            by_source = {source: _mean([f[f"{preset} {source}"] - f["bicubic"] for f in found]) for source in offered}
            taken = [f["chosen"] if f["chosen"] in offered else "clean" for f in found]
            auto = _mean([f[f"{preset} {t}"] - f["bicubic"] for f, t in zip(found, taken, strict=True)])
            key = {"preset": preset, "scale": scale, "encoder": encoder, "quality": quality}
            rows.append({**key, "chosen": sorted(set(taken)), "auto": auto, "sources": by_source})
    return rows


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def clean_pictures(folder: str, reductions: tuple[int, ...]) -> Iterator[Pixels]:
    """The photos of a folder, shrunk, so that nothing is left of what their files had been through."""
    for file in sorted(Path(folder).iterdir()):
        if file.suffix.lower() in photo.SUFFIXES:
            pixels = np.asarray(Image.open(file).convert("RGB"))
            for by in reductions:
                yield downscale(crop_to_multiple(pixels, by), by) if by > 1 else pixels


def traces(pictures: Iterator[Pixels]) -> dict[str, Any]:
    """How many clean pictures are taken for JPEG, and how many that were JPEG are found in crops, with their degree."""
    random = np.random.default_rng(0)
    total, alarms = 0, 0
    found: dict[int, list[tuple[bool, bool]]] = {quality: [] for quality in CROPPED}
    for picture in pictures:
        total += 1
        alarms += find_grid([picture], picture.shape) is not None
        for quality in CROPPED:
            data = libjpeg(picture, quality)
            odd = decoded(data)[int(random.integers(1, 8)) :, int(random.integers(1, 8)) :]
            height, width = (int(random.integers(min(SMALLEST, size), size + 1)) for size in odd.shape[:2])
            crop = np.ascontiguousarray(odd[:height, :width])
            seen, said = by_content([crop], crop.shape), by_headers_of(data)
            assert said is not None
            found[quality].append((seen.source != "clean", seen.source == said.source))
    shares = {
        str(quality): [float(np.mean(part)) for part in zip(*each, strict=True)] for quality, each in found.items()
    }
    return {"pictures": total, "alarms": alarms, "found": shares}


def cost() -> dict[str, float]:
    """Milliseconds of a choice for 12 megapixels, medians: by the headers of a file, by the content of an array."""
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (3000, 4000, 3)).astype(np.uint8)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(libjpeg(picture, 75))
        seen = decoded(path.read_bytes())
        calls: dict[str, Callable[[], Choice | None]] = {
            "headers": lambda: by_headers(path),
            "content": lambda: by_content([seen], seen.shape),
        }
        times: dict[str, float] = {}
        for name, call in calls.items():
            call()
            rounds: list[float] = []
            for _ in range(100):
                start = perf_counter()
                call()
                rounds.append(perf_counter() - start)
            times[name] = float(np.median(rounds)) * 1000
    return times


def markdown(found: dict[str, Any]) -> str:
    """The content of sources.md."""
    rows, lines = found["gains"], [HEAD.format(**found)]
    keys = list(dict.fromkeys((row["preset"], row["scale"]) for row in rows if row["encoder"] == "libjpeg-turbo"))
    lines.append(f"| preset | scale | {' | '.join(map(str, QUALITIES))} |\n|---|---|{'---:|' * len(QUALITIES)}\n")
    for preset, scale in keys:
        cells = [row["auto"] for row in _rows(rows, preset, scale, "libjpeg-turbo")]
        lines.append(f"| {preset} | ×{scale} | {' | '.join(f'{cell:+.2f}' for cell in cells)} |\n")
    lines.append(AGAINST)
    lines.append("| encoder | preset | scale | mean | worst | at quality |\n|---|---|---|---:|---:|---:|\n")
    for encoder in ENCODERS:
        for preset, scale in keys:
            if not (each := _rows(rows, preset, scale, encoder)):
                continue
            lost = [max(row["sources"].values()) - row["auto"] for row in each]
            worst = int(np.argmax(lost))
            cells = [f"{_mean(lost):.3f}", f"{lost[worst]:.3f}", str(each[worst]["quality"])]
            lines.append(f"| {encoder} | {preset} | ×{scale} | {' | '.join(cells)} |\n")
    lines.append(SOURCES)
    lines.append("| preset | scale | JPEG | " + " | ".join(models.SOURCES) + " | chosen |\n|---|---|---:|")
    lines.append("---:|" * len(models.SOURCES) + "---|\n")
    for preset, scale in keys:
        for row in _rows(rows, preset, scale, "libjpeg-turbo")[::3]:
            cells = [f"{row['sources'][s]:+.2f}" if s in row["sources"] else "" for s in models.SOURCES]
            lines.append(
                f"| {preset} | ×{scale} | {row['quality']} | {' | '.join(cells)} | {', '.join(row['chosen'])} |\n"
            )
    lines.append(TRACES)
    qualities = " | ".join(f"found at {quality}, right degree" for quality in CROPPED)
    lines.append(f"| pictures | number | false alarms | {qualities} |\n|---|---:|---:|{'---:|' * len(CROPPED)}\n")
    for name, each in found["traces"].items():
        shares = " | ".join(f"{each['found'][str(q)][0]:.1%}, {each['found'][str(q)][1]:.1%}" for q in CROPPED)
        lines.append(f"| {name} | {each['pictures']} | {each['alarms']} | {shares} |\n")
    lines.append(COST.format(**found["cost"]))
    return "".join(lines)


def _rows(rows: list[dict[str, Any]], preset: str, scale: int, encoder: str) -> list[dict[str, Any]]:
    key = (preset, scale, encoder)
    return [row for row in rows if (row["preset"], row["scale"], row["encoder"]) == key]


HEAD = """# Sources

Photos as JPEG files and what weights for them gain, on Kodak24, {date}, {machine}. Made by
`python benchmarks/sources.py`; all figures are in sources.json. [docs/sources.md](../../docs/sources.md) says what
sources are.

## Gain over bicubic

In dB, by the protocol of `thinlens.evaluate`: the low-resolution picture is saved as a JPEG file of this quality
(libjpeg-turbo, 4:2:0) and enlarged with the source that its headers say. At ×1 the gain is over the file as it is.

"""
AGAINST = f"""
## Against the best choice by hand

How much of the gain, in dB, is lost by choosing automatically rather than taking the best source for each quality:
mean over the qualities {QUALITIES[0]} to {QUALITIES[-1]} in steps of 5, and the worst of them. Mozjpeg has its own
tables and trellis quantization; nearly flat tables are those of Photoshop and cameras.

"""
SOURCES = """
## What each source gains

At some of the qualities (libjpeg-turbo), in dB over bicubic.

"""
TRACES = """
## Traces in pictures

PNG files have no headers that say anything: a detector looks for what JPEG leaves. False alarms are clean pictures
taken for compressed ones; below each quality, the share of pictures, saved as JPEG, cropped at an odd place and to an
odd size of at least 200 pixels where there are as many, that are taken for compressed ones, and of those that get the
same source as by their headers.

"""
COST = """
## What a choice costs

For 12 megapixels, beyond decoding: {headers:.2f} ms by the headers of a file, {content:.2f} ms by the content of a
picture (one thread, median of 100).
"""


def degrees(folder: str) -> None:
    """Print at which qualities the gains of neighboring sources cross, for each preset and scale."""
    step = max(1, sum(1 for _ in Path(folder).iterdir()) // PHOTOS)
    files = sorted(Path(folder).iterdir())[::step][:PHOTOS]
    pictures: list[Pixels] = []
    for file in files:
        pixels = np.asarray(Image.open(file).convert("RGB"))
        by = max(1, min(pixels.shape[:2]) // SIDE)
        small = downscale(crop_to_multiple(pixels, by), by)
        pictures.append(small[:SIDE, :SIDE])
    for scale in (1, *models.SCALES):
        presets = [preset for preset in models.PRESETS if len(models.sources(preset, scale)) > 1]
        if not presets:
            continue
        rows = gains(pictures, scale, "libjpeg-turbo", presets)
        for preset in presets:
            each = _rows(rows, preset, scale, "libjpeg-turbo")
            crossings = [_crossing(each, *pair) for pair in zip(models.SOURCES, models.SOURCES[1:], strict=False)]
            print(preset, f"×{scale}", *crossings, flush=True)


def _crossing(rows: list[dict[str, Any]], better: str, worse: str) -> str:
    """The lowest quality from which on the weights for better pictures gain more."""
    if not all(source in rows[0]["sources"] for source in (better, worse)):
        return "-"
    ahead = np.array([row["sources"][better] - row["sources"][worse] for row in rows])
    behind = np.flatnonzero(ahead < 0)
    if not len(behind):
        return f"<{QUALITIES[0]}"
    last = int(behind[-1])
    if last == len(rows) - 1:
        return f">{QUALITIES[-1]}"
    share = -ahead[last] / (ahead[last + 1] - ahead[last])
    return f"{QUALITIES[last] + share * (QUALITIES[last + 1] - QUALITIES[last]):.1f}"


def main(kodak: str, photos: str, *scales: str) -> None:
    """Write both files; of all scales, or of these."""
    pictures = list(clean_pictures(kodak, (1,)))
    rows: list[dict[str, Any]] = []
    for scale in map(int, scales or (*models.SCALES, 1)):
        presets = [preset for preset in models.PRESETS if set(models.sources(preset, scale)) - {models.CLEAN}]
        for encoder in ENCODERS if presets else ():
            if encoder == "libjpeg-turbo":
                rows += gains(pictures, scale, encoder, presets)
            elif scale == 2:
                rows += gains(pictures, scale, encoder, [preset for preset in presets if preset in COMPARED])
    seen = {
        "Kodak24": traces(clean_pictures(kodak, (1,))),
        "training photos, shrunk to a half and to a third": traces(clean_pictures(photos, (2, 3))),
    }
    found: dict[str, Any] = {"date": date.today().isoformat(), "machine": machine(), "gains": rows, "traces": seen}
    found["cost"] = cost()
    (RESULTS / "sources.json").write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")
    (RESULTS / "sources.md").write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "degrees":
        degrees(sys.argv[2])
    else:
        main(*sys.argv[1:])
