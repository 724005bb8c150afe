"""The example examples/segmentation: two steps on made-up pictures, and going on where it was interrupted."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thinlens.photo import Photo, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "segmentation"
MODULES = ("camvid", "network", "train", "report", "pictures")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The modules of the example, which find each other as they do when train.py is run."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    for name in MODULES:
        monkeypatch.delitem(import_module("sys").modules, name, raising=False)
    return {name: import_module(name) for name in MODULES}


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A folder as CamVid's, with two made-up scenes for training and one to score, 48×36."""
    random = np.random.default_rng(0)
    for split, number in (("train", 2), ("test", 1)):
        for folder in (split, f"{split}_labels"):
            (tmp_path / "data" / folder).mkdir(parents=True)
        for index in range(number):
            labels = random.integers(0, 12, (6, 8)).repeat(6, 0).repeat(6, 1).astype(np.uint8)
            pictures = np.stack([labels * 20, 255 - labels * 20, labels], -1).astype(np.uint8)
            write(Photo(pictures), tmp_path / "data" / split / f"{index}.jpg")
            write(Photo(labels), tmp_path / "data" / f"{split}_labels" / f"{index}.png")
    return tmp_path / "data"


def small(example: dict[str, Any]) -> Any:
    return example["train"].Recipe(steps=2, batch=2, crop=(32, 24), size=(40, 30), larger=(48, 36))


@pytest.mark.parametrize("chosen", [["bilinear", "DySample"], ["transposed convolution", "DySample-S+"]])
def test_two_steps_and_going_on(example: dict[str, Any], scenes: Path, tmp_path: Path, chosen: list[str]) -> None:
    out = tmp_path / "out"
    common = ["--data", str(scenes), "--out", str(out), "--seeds", "0", "--upsamplers"]
    example["train"].main([*common, chosen[0]], small(example))
    (first,) = out.glob("*-0.json")
    before = first.stat().st_mtime_ns
    example["train"].main([*common, *chosen], small(example))
    assert first.stat().st_mtime_ns == before  # not done again
    entries = json.loads((out / "results.json").read_text())
    assert {entry["upsampler"] for entry in entries} == set(chosen)
    for entry in entries:
        assert 0 <= entry["mIoU"] <= 100 and entry["recipe"]["steps"] == 2 and len(entry["IoU"]) == 11
    assert len(list(out.glob("*.safetensors"))) == 2


def test_all_networks_start_alike_but_for_their_upsamplers(example: dict[str, Any]) -> None:
    import torch

    network, parts = example["network"], {}
    for name in network.UPSAMPLERS:
        torch.manual_seed(3)
        net = network.Network(name).eval()
        parts[name] = net.state_dict()
        assert net(torch.rand(2, 3, 45, 51)).shape == (2, 11, 45, 51)
    for tensors in parts.values():
        for key, value in parts["nearest"].items():
            assert torch.equal(tensors[key], value)


def test_scores(example: dict[str, Any]) -> None:
    """By hand: of three pixels of class 0 two are found, of one of class 1 that one; a pixel of void counts nowhere."""
    import torch

    network = example["network"]
    labels = torch.tensor([[[0, 0, 0, 1, 2]]], dtype=torch.uint8)
    found = torch.tensor([[[0, 0, 1, 1, 0]]])
    logits = torch.nn.functional.one_hot(found, 2).permute(0, 3, 1, 2).float()
    counts = network.count(logits, labels)
    assert counts.tolist() == [[2, 1], [0, 1]]
    torch.testing.assert_close(network.scores(counts), torch.tensor([2 / 3, 1 / 2]))


def test_labels_are_those_of_the_nearest_pixel(example: dict[str, Any]) -> None:
    labels = np.arange(36, dtype=np.uint8).reshape(6, 6)
    assert (example["camvid"].nearest(labels, (3, 2)) == [[7, 9, 11], [25, 27, 29]]).all()


def test_a_folder_without_pictures_is_refused_in_a_sentence(example: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no pictures: name the folder of CamVid with --data"):
        example["camvid"].load(tmp_path, "train", (8, 8))


def entry(upsampler: str, seed: int, score: float) -> dict[str, Any]:
    """What train.py writes of a run."""
    settings = {"size": [240, 180], "crop": [192, 144], "steps": 9, "batch": 8, "precision": "bfloat16"}
    about = {"recipe": settings, "machine": "here", "date": "today", "threads": 1}
    sizes = {"parameters": 1234, "parameters of upsamplers": 34, "latency ms": 1.5}
    return {"upsampler": upsampler, "seed": seed, "mIoU": score, "IoU": {"sky": score, "car": 1}, **sizes, **about}


def test_the_table_by_hand(example: dict[str, Any], tmp_path: Path) -> None:
    scores = (("bilinear", 0, 40.0), ("bilinear", 1, 42.0), ("DySample", 0, 41.0), ("DySample", 1, 44.0))
    entries = [entry(*each) for each in scores]
    lines = example["report"].table(entries).splitlines()[2:]
    assert lines == [
        "| bilinear | 41.00 | ± 1.41 |  | 2 | 1,234 | 34 | 1.5 |",
        "| DySample | 42.50 | ± 2.12 | +1.50 ± 0.71 | 2 | 1,234 | 34 | 1.5 |",
    ]
    assert example["report"].classes(entries).splitlines()[2:] == [
        "| bilinear | 41.0 | 1.0 |",
        "| DySample | 42.5 | 1.0 |",
    ]
    (tmp_path / "results.json").write_text(json.dumps(entries))
    (tmp_path / "docs.md").write_text("no marks")
    with pytest.raises(ValueError, match="write them where the table is to stand"):
        example["report"].main([str(tmp_path), "--docs", str(tmp_path / "docs.md")])


def test_the_sheet_of_pictures(example: dict[str, Any], scenes: Path, tmp_path: Path) -> None:
    from thinlens.photo import read

    out = tmp_path / "out"
    arguments = ["--data", str(scenes), "--out", str(out), "--seeds", "0", "--upsamplers", "bilinear", "DySample"]
    example["train"].main(arguments, small(example))
    picture, truth = scenes / "test" / "0.jpg", scenes / "test_labels" / "0.png"
    common = [str(picture), "--runs", str(out), "--out", str(tmp_path / "sheet.png")]
    for options, panels in (([], 4), (["--truth", str(truth)], 5)):
        example["pictures"].main([*common, *options])
        sheet = read(tmp_path / "sheet.png").pixels
        assert sheet.shape[1] == 2 * 720 + 8 and sheet.shape[0] > -(-panels // 2) * 540
