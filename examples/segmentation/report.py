"""The results of train.py as a table.

    python examples/segmentation/report.py FOLDER [--latency] [--docs docs/dysample.md]

Without options it prints the table. `--latency` first measures how long the networks take, in turn, for the runs
measure it one after the other, with whatever else the machine does. `--docs` writes the table into a file, between its
marks, and `results.json` beside this file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, stdev
from time import perf_counter
from typing import Any

import torch
from network import UPSAMPLERS, Network

from thinlens.evaluation.speed import machine
from thinlens.files import write_whole

BEGIN, END = "<!-- Made by `python examples/segmentation/report.py`: -->", "<!-- to here. -->"
Entries = list[dict[str, Any]]


def table(entries: Entries) -> str:
    """Markdown: for each upsampler the mean over its seeds, how far they spread, and how far it is from bilinear.

    The difference is that of runs with one seed, which start alike and see the same pictures, and its spread is theirs.
    """
    lines = [
        "| upsampler | mIoU | spread | against bilinear | seeds | parameters | of upsamplers | ms |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    base = {entry["seed"]: entry["mIoU"] for entry in entries if entry["upsampler"] == "bilinear"}
    for name in UPSAMPLERS:
        runs = [entry for entry in entries if entry["upsampler"] == name]
        if runs:
            scores = [entry["mIoU"] for entry in runs]
            pairs = [entry["mIoU"] - base[entry["seed"]] for entry in runs if entry["seed"] in base]
            difference = "" if name == "bilinear" or not pairs else f"{mean(pairs):+.2f}{_spread(pairs)}"
            latency = median(entry["latency ms"] for entry in runs)
            parameters, own = runs[0]["parameters"], runs[0]["parameters of upsamplers"]
            cells = (f"{mean(scores):.2f}", _spread(scores).strip(), difference, str(len(runs)))
            lines.append(f"| {name} | {' | '.join(cells)} | {parameters:,} | {own:,} | {latency:.1f} |")
    return "\n".join(lines) + "\n"


def classes(entries: Entries) -> str:
    """Markdown: the mean intersection over union of each class."""
    names = list(entries[0]["IoU"])
    lines = [f"| upsampler | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for upsampler in UPSAMPLERS:
        runs = [entry["IoU"] for entry in entries if entry["upsampler"] == upsampler]
        if runs:
            lines.append(f"| {upsampler} | {' | '.join(f'{mean(run[name] for run in runs):.1f}' for name in names)} |")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f" ± {stdev(values):.2f}" if len(values) > 1 else ""


@torch.no_grad()
def measure_latency(entries: Entries, rounds: int = 31) -> None:
    """Write into all entries how long their networks take on one thread for one picture, median of all rounds."""
    torch.set_num_threads(1)
    width, height = entries[0]["recipe"]["size"]
    names = list(dict.fromkeys(entry["upsampler"] for entry in entries))
    nets = {name: Network(name).to(memory_format=torch.channels_last).eval() for name in names}
    picture = torch.rand(1, 3, height, width).to(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, net in nets.items():
            net(picture)
            start = perf_counter()
            net(picture)
            times[name].append(perf_counter() - start)
    for entry in entries:
        entry["latency ms"] = round(median(times[entry["upsampler"]]) * 1e3, 2)
        entry["machine"], entry["threads"] = machine(), 1


def text(entries: Entries) -> str:
    """What stands between the marks of the docs."""
    recipe, first = entries[0]["recipe"], entries[0]
    size, crop = ("×".join(map(str, recipe[name])) for name in ("size", "crop"))
    return (
        f"{table(entries)}\n"
        f"CamVid's test part, 11 classes, pictures of {size} pixels; {recipe['steps']:,} steps on {recipe['batch']} "
        f"crops of {crop}, {recipe['precision']}. ± is the standard deviation over seeds; milliseconds are of the "
        f"whole network in PyTorch for one picture, one thread ({first['machine']}; {first['date']}).\n\n"
        f"Intersection over union of each class, mean over seeds:\n\n{classes(entries)}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description="The results of train.py as a table.")
    parser.add_argument("folder", type=Path, help="what train.py was given as --out")
    parser.add_argument("--latency", action="store_true", help="measure anew how long the networks take")
    parser.add_argument("--docs", type=Path, help="a file to write the table into, between its marks")
    options = parser.parse_args(arguments)
    entries: Entries = json.loads((options.folder / "results.json").read_text(encoding="utf-8"))
    if options.latency:
        measure_latency(entries)
    if options.docs is None:
        print(text(entries))
        return
    whole = options.docs.read_text(encoding="utf-8")
    before, _, rest = whole.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{options.docs} has no lines {BEGIN} and {END}: write them where the table is to stand")
    write_whole(f"{before}{BEGIN}\n\n{text(entries)}\n{END}{after}".encode(), options.docs)
    write_whole((json.dumps(entries, indent=1) + "\n").encode(), Path(__file__).parent / "results.json")


if __name__ == "__main__":
    main()
