"""Train one network with every upsampler under one recipe, and score them on CamVid.

    python examples/segmentation/train.py --data CAMVID --out FOLDER [--upsamplers bilinear DySample] [--threads 1]

FOLDER gets a file for each run, `NAME-SEED.json`, and its weights; a run that has its file is not done again, so an
interrupted comparison goes on where it was. `results.json` beside them has all runs that there are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import camvid
import network
import numpy as np
import torch
from camvid import CLASSES, Scenes
from network import UPSAMPLERS, Network
from safetensors.torch import save as to_bytes
from torch import Tensor

from thinlens.evaluation.speed import machine
from thinlens.files import write_whole


@dataclass(frozen=True)
class Recipe:
    """How every network is trained: AdamW, one cycle of the learning rate, crops of pictures of two sizes, mirrored."""

    steps: int = 1200
    batch: int = 8
    crop: tuple[int, int] = (192, 144)
    size: tuple[int, int] = (240, 180)
    larger: tuple[int, int] = (300, 225)
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    precision: str = "bfloat16"


RECIPE = Recipe()
SEEDS = (0, 1, 2)


def batch(sizes: Sequence[Scenes], recipe: Recipe, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """The pictures `(B, 3, H, W)` float32 and labels of a step, a function of seed and step."""
    random = np.random.default_rng((seed, step))
    width, height = recipe.crop
    pictures, labels = [], []
    for _ in range(recipe.batch):
        scenes = sizes[random.integers(len(sizes))]
        index = random.integers(len(scenes.pictures))
        y = random.integers(scenes.labels.shape[1] - height + 1)
        x = random.integers(scenes.labels.shape[2] - width + 1)
        place = np.s_[index, y : y + height, x : x + width]
        mirrored = slice(None, None, -1) if random.random() < 0.5 else slice(None)
        pictures.append(scenes.pictures[place][:, mirrored])
        labels.append(scenes.labels[place][:, mirrored])
    return tensor(np.stack(pictures)), torch.from_numpy(np.stack(labels))


def tensor(pictures: Any) -> Tensor:
    """`(B, H, W, 3)` uint8 to `(B, 3, H, W)` float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def fit(upsampler: str, seed: int, recipe: Recipe, sizes: Sequence[Scenes]) -> Network:
    """A trained network."""
    torch.manual_seed(seed)
    net: Any = Network(upsampler).to(memory_format=torch.channels_last).train()
    weights = torch.from_numpy(camvid.class_weights(sizes[0].labels))
    optimizer = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, recipe.steps, pct_start=0.1)
    for step in range(recipe.steps):
        pictures, labels = batch(sizes, recipe, seed, step)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = net(pictures)
        optimizer.zero_grad()
        network.loss(logits, labels, weights).backward()
        optimizer.step()
        cycle.step()
    return net.eval()


@torch.no_grad()
def score(net: Network, scenes: Scenes) -> Tensor:
    """Intersection over union of each class, over all pixels of all scenes, computed in float32."""
    confusion = torch.zeros(len(CLASSES), len(CLASSES), dtype=torch.int64)
    for picture, label in zip(scenes.pictures, scenes.labels, strict=True):
        confusion += network.count(net(tensor(picture[None])), torch.from_numpy(label[None]))
    return network.scores(confusion)


@torch.no_grad()
def latency(net: Network, size: tuple[int, int], rounds: int) -> float:
    """The median time in milliseconds that the network takes for one picture."""
    picture, times = torch.rand(1, 3, *size[::-1]).to(memory_format=torch.channels_last), []
    for _ in range(rounds + 2):
        start = perf_counter()
        net(picture)
        times.append(perf_counter() - start)
    return round(median(times[2:]) * 1000, 2)


def run(upsampler: str, seed: int, recipe: Recipe, sizes: Sequence[Scenes], test: Scenes) -> tuple[Network, Any]:
    """One training run: the network, and its entry among the results."""
    start = perf_counter()
    net = fit(upsampler, seed, recipe, sizes)
    seconds = perf_counter() - start
    each = score(net, test).tolist()
    found = [value for value in each if value == value]
    return net, {
        "upsampler": upsampler,
        "seed": seed,
        "mIoU": round(100 * sum(found) / len(found), 3),
        "IoU": {name: round(100 * value, 2) for name, value in zip(CLASSES, each, strict=True)},
        "parameters": sum(value.numel() for value in net.parameters()),
        "parameters of upsamplers": sum(value.numel() for value in net.upsamplers.parameters()),
        "latency ms": latency(net, recipe.size, 20),
        "threads": torch.get_num_threads(),
        "training s": round(seconds),
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "machine": machine(),
        "torch": torch.__version__,
        "date": str(date.today()),
    }


def main(arguments: Sequence[str] | None = None, recipe: Recipe = RECIPE) -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description="Compare upsamplers in a small segmentation network on CamVid.")
    parser.add_argument("--data", type=Path, required=True, help="the folder with train, train_labels, test, …")
    parser.add_argument("--out", type=Path, required=True, help="where results and weights go")
    parser.add_argument("--upsamplers", nargs="+", choices=UPSAMPLERS, default=list(UPSAMPLERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--test", default="test", help="the part that scores are taken on: test, or val to try recipes")
    parser.add_argument("--steps", type=int, default=recipe.steps)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe = Recipe(**{**asdict(recipe), "steps": options.steps})
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = [camvid.load(options.data, "train", size) for size in (recipe.size, recipe.larger)]
    test = camvid.load(options.data, options.test, recipe.size)
    for seed in options.seeds:
        for upsampler in options.upsamplers:
            path = options.out / f"{upsampler.replace(' ', '-')}-{seed}.json"
            if not path.exists():
                net, entry = run(upsampler, seed, recipe, sizes, test)
                tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
                write_whole(to_bytes(tensors), path.with_suffix(".safetensors"))
                write_whole((json.dumps(entry, indent=1) + "\n").encode(), path)
                print(f"{upsampler} {seed}: {entry['mIoU']} mIoU, {entry['training s']} s", flush=True)
            gather(options.out)


def gather(folder: Path) -> None:
    """All runs of a folder in one file."""
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*-[0-9]*.json"))]
    write_whole((json.dumps(entries, indent=1) + "\n").encode(), folder / "results.json")


if __name__ == "__main__":
    main()
