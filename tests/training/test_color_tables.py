"""Training of color tables: on pairs, on good photos alone and against a critic; it goes on where it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from thinlens import checkpoint, nets, photo, run
from thinlens.conversion import convert
from thinlens.data.damage import Damage
from thinlens.data.pairs import Sampling
from thinlens.data.thumbnails import Photos
from thinlens.nets.adaptive_lut3d import ConvolutionalPredictor, identity
from thinlens.training import (
    CriticDescent,
    GradientDescent,
    Recipe,
    TableDescent,
    color_tables,
    critic,
    default_recipe,
    retouching,
    state,
    train,
)  # fmt: skip
from thinlens.training.state import StateFile

SAMPLING = Sampling(holdout=4)
QUICK = TableDescent(
    steps=60,
    batch=8,
    pixels=64,
    learning_rate=5e-3,
    table_rate=5e-3,
    decay=0.1,
    steepest=1.9,
    draws=3,
    odd=0.1,
    noise=0.02,
)
STATISTICS = Recipe("LUT3D_N3_S5_statistics", QUICK, "log-mse", epsilon=65.0, sampling=SAMPLING)
PAIRED = Recipe("LUT3D_N2_S5", TableDescent(steps=6, pixels=512), sampling=SAMPLING)
UNPAIRED = Recipe("LUT3D_N2_S5_unpaired", CriticDescent(steps=4), sampling=SAMPLING)


def good(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    luma = np.linspace(5, 220, 90)[None, :, None] * random.uniform(0.8, 1.1)
    hues = random.normal(0, 30, (1, 1, 3)) * np.sin(np.arange(90) / 9)[None, :, None]
    return np.clip(luma + hues + random.normal(0, 4, (70, 90, 3)), 0, 245).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(8):
        photo.write(photo.Photo(good(seed)), folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All inputs are the targets, darker and without contrast, in the same way."""
    folder = tmp_path_factory.mktemp("pairs")
    for name in ("input", "target"):
        (folder / name).mkdir()
    for seed in range(8):
        photo.write(photo.Photo(good(seed)), folder / "target" / f"{seed}.png")
        photo.write(photo.Photo(good(seed) // 2 + 20), folder / "input" / f"{seed}.png")
    return folder


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("recipe", [STATISTICS, PAIRED, UNPAIRED], ids=["statistics", "paired", "unpaired"])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(photos, tmp_path, monkeypatch, recipe) -> None:
    cache = tmp_path / "cache"
    train(recipe, photos, tmp_path / "whole.safetensors", cache=cache, progress=False)
    monkeypatch.setattr(state, "INTERVAL", 0.0)
    save, saves = StateFile.save, 0

    def interrupting(self, *arguments, **settings) -> None:
        nonlocal saves
        save(self, *arguments, **settings)
        saves += 1
        if saves in (2, 3):
            raise Interrupted

    monkeypatch.setattr(StateFile, "save", interrupting)
    out = tmp_path / "broken.safetensors"
    for _ in range(2):
        with pytest.raises(Interrupted):
            train(recipe, photos, out, cache=cache, progress=False)
        torch.rand(1)  # what others draw is no matter
    train(recipe, photos, out, cache=cache, progress=False)
    whole, broken = checkpoint.load(tmp_path / "whole.safetensors"), checkpoint.load(out)
    states = [module.state_dict() for module, _ in (whole, broken)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert whole[1] == broken[1] and whole[1]["color"] == "sRGB-encoded RGB in [0, 1]"
    assert not list(tmp_path.glob("*.state"))


def psnr(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(-10 * np.log10(((found.astype(float) - wanted) ** 2).mean() / 255**2))


@pytest.mark.parametrize("identifier", ["LUT3D_N2_S5", "LUT3D_N3_S9_statistics"])
def test_pairs_teach_what_was_done_to_them(pairs, tmp_path, identifier) -> None:
    if "statistics" in identifier:
        descent = replace(QUICK, steps=150, steepest=0.0, table_rate=2e-2)
    else:
        descent = TableDescent(steps=120, pixels=2048, learning_rate=1e-4, table_rate=1e-2)
    recipe = Recipe(identifier, descent, sampling=SAMPLING)
    value = train(recipe, pairs, tmp_path / "a.safetensors", cache=tmp_path / "cache", progress=False)
    program = convert(tmp_path / "a.safetensors", tmp_path / "program.safetensors")
    before, after = good(20) // 2 + 20, good(20)
    least = psnr(before, after) + (4 if "statistics" in identifier else 1.5)
    assert value > least and psnr(run.enhance(before, program), after) > least


def test_good_photos_teach_to_undo_damage(photos, tmp_path) -> None:
    damage = Damage(untouched=0, mild=0, dark=1, dark_exposure=(0.15, 0.02), saturation=(0.5, 0.02), pulled=0)
    recipe = replace(STATISTICS, damage=damage, optimizer=replace(QUICK, steps=300, steepest=0.0))
    value = train(recipe, photos, tmp_path / "a.safetensors", cache=tmp_path / "cache", progress=False)
    before, after = damage.apply(good(30).reshape(-1, 3), np.random.default_rng(0))
    assert value > psnr(before, after) + 4


def test_a_critic_pulls_results_toward_retouched_photos(pairs, tmp_path) -> None:
    recipe = replace(UNPAIRED, optimizer=CriticDescent(steps=40, fidelity=1.0))
    train(recipe, pairs, tmp_path / "a.safetensors", cache=tmp_path / "cache", progress=False)
    program = convert(tmp_path / "a.safetensors", tmp_path / "program.safetensors")
    before, after = good(20) // 2 + 20, good(20)
    made = run.enhance(before, program)
    assert abs(made.mean() - after.mean()) < abs(before.mean() - after.mean()) - 2


def test_the_gradient_penalty_by_hand() -> None:
    class Steep(torch.nn.Module):
        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            return 3 * photos.flatten(1)[:, :1]

    assert float(critic.penalty(Steep(), torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4))) == pytest.approx(4)
    judge = ConvolutionalPredictor(1, paired=False)
    critic.penalty(judge, *torch.rand(2, 1, 3, 256, 256)).backward()
    assert all(part.grad is not None for part in judge.parameters() if part.dim() == 4)


def test_critics_see_photos_of_either_kind() -> None:
    dark, bright = np.full((3, 40, 40, 3), 50, np.uint8), np.full((2, 40, 40, 3), 200, np.uint8)
    inputs, retouched = critic.draw(Photos(bright, dark), UNPAIRED, np.random.default_rng(0))
    assert inputs.shape == retouched.shape == (1, 3, 256, 256)
    torch.testing.assert_close(retouched, torch.full_like(retouched, 200 / 255))
    assert 0.7 * 50 < float(inputs.mean()) * 255 < 1.3 * 50


def test_harsh_tables_by_hand() -> None:
    plain = identity(5)[None]
    assert float(color_tables.harshness(plain, 1.9)) == 0
    assert float(color_tables.harshness(0.5 * plain, 0.4)) == pytest.approx(0.1)
    assert float(color_tables.harshness(plain.new_zeros(1, 3, 5, 5, 5), 1.9)) == pytest.approx(color_tables.FLATTEST)
    beyond = color_tables.harshness(1.2 * plain, 1.9)
    assert float(beyond) == pytest.approx(color_tables.CLIPPING * 0.2 / 5, rel=1e-4)


def test_odd_pictures_stay_as_they_are() -> None:
    targets = np.stack([good(seed) for seed in range(2)])
    odd = np.full((1, 70, 90, 3), (10, 20, 30), np.uint8)
    kinds = set()
    for seed in range(60):
        before, after = retouching.colors_of_crop(
            Photos(targets, odd=odd), 0, Damage(), 1.0, np.random.default_rng(seed)
        )
        np.testing.assert_array_equal(before, after)
        assert before.shape == (retouching.COLORS, 3) and before.dtype == np.uint8
        one, gray = (before == before[0]).all(), (before == before[:, :1]).all()
        kinds.add("odd" if (before == (10, 20, 30)).all() else "one color" if one else "ramp" if gray else "photo")
    assert kinds == {"odd", "one color", "ramp"}


def test_crops_of_pairs_are_of_one_place() -> None:
    targets = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3)).astype(np.uint8)
    for seed in range(5):
        random = np.random.default_rng(seed)
        before, after = retouching.colors_of_crop(Photos(targets, targets), 1, Damage(), 0.5, random)
        np.testing.assert_array_equal(before, after)
        source, target = retouching.crop(Photos(targets, targets), 1, Damage(), random)
        assert source.shape == target.shape and min(source.shape[0] / 30, source.shape[1] / 40) >= 0.58
        assert np.corrcoef(source.ravel(), target.ravel())[0, 1] > 0.98


def test_optimizers_must_suit_the_network(photos, tmp_path) -> None:
    for identifier, method, wanted in (
        ("LUT3D_N2_S5", GradientDescent(), "TableDescent"),
        ("LUT3D_N2_S5", CriticDescent(), "TableDescent"),
        ("LUT3D_N2_S5_unpaired", TableDescent(), "CriticDescent"),
        ("eSR-MAX_s2_K3_C2", TableDescent(), "GradientDescent or LeastSquares"),
    ):
        with pytest.raises(ValueError, match=f"its optimizer must be {wanted}"):
            train(Recipe(identifier, method), photos, tmp_path / "a", cache=tmp_path, progress=False)
    with pytest.raises(ValueError, match="steps of their training are not compiled; leave that out"):
        train(PAIRED, photos, tmp_path / "a", cache=tmp_path, progress=False, compiled=True)
    for mistaken in (lambda: TableDescent(batch=0), lambda: CriticDescent(steps=0)):
        with pytest.raises(ValueError, match="must be at least 1"):
            mistaken()
    for mistaken in (lambda: TableDescent(table_rate=0), lambda: CriticDescent(learning_rate=0)):
        with pytest.raises(ValueError, match="must be above 0"):
            mistaken()
    with pytest.raises(ValueError, match="odd is a fraction of the draws"):
        TableDescent(odd=2)


def test_default_recipes_and_hashes() -> None:
    ids = ("LUT3D_N8_S17_statistics", "LUT3D_N3_S33", "LUT3D_N3_S33_unpaired")
    kinds = [type(default_recipe(identifier).optimizer) for identifier in ids]
    assert kinds == [TableDescent, TableDescent, CriticDescent]
    recipes = [
        *(default_recipe(identifier) for identifier in ids),
        Recipe(ids[0]),
        Recipe(ids[0], TableDescent()),
        Recipe(ids[0], TableDescent(draws=3)),
        Recipe(ids[0], TableDescent(), damage=Damage(untouched=0.1)),
        Recipe(ids[0], CriticDescent()),
        Recipe(ids[0], CriticDescent(fidelity=1.0)),
    ]
    assert len({recipe.hash() for recipe in recipes}) == len(recipes)
    assert default_recipe(ids[0]).overridden(steps=7).optimizer.steps == 7
    assert nets.parse(ids[0]).scale == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("recipe", [STATISTICS, PAIRED, UNPAIRED], ids=["statistics", "paired", "unpaired"])
def test_a_gpu_trains_too(photos, tmp_path, recipe) -> None:
    train(recipe, photos, tmp_path / "a.safetensors", device="cuda", cache=tmp_path / "cache", progress=False)
