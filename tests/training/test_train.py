"""Training: it learns, it resumes where it was interrupted, it says what is wrong."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from thinlens import checkpoint, models, nets, photo, program
from thinlens.data.pairs import Sampling, make_pairs, prepare
from thinlens.training import Recipe, descent, least_squares, load_recipe, state, train
from thinlens.training.state import StateFile

SAMPLING = Sampling(per_photo=4, size=48, holdout=3)
ADAM = Recipe("eSR-MAX_s2_K3_C2", "adam", steps=95, batch=4, patch=16, sampling=SAMPLING)
NEWTON = Recipe("eSR-TM_s3_K3_C2", "least-squares", "log-mse", steps=6, samples=4000, starts=2, sampling=SAMPLING)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Smooth noise with edges: something an upscaler can do better than bicubic."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for index in range(6):
        coarse = random.normal(size=(25, 25))
        field = np.kron(coarse, np.ones((8, 8)))
        for axis in (0, 1):
            field = sum(np.roll(field, shift, axis) for shift in range(-2, 3)) / 5
        pixels = np.clip(128 + 60 * np.sign(field) + 40 * field, 0, 255).astype(np.uint8)
        photo.write(photo.Photo(np.repeat(pixels[..., None], 3, 2)), folder / f"{index}.png")
    return folder


class Interrupted(Exception):
    pass


GROWING = replace(NEWTON, id="eSR-TM_s2_K7_C2", grow=(3, 5), steps=5)


SOAP = replace(ADAM, optimizer="soap", id="ECBSR_s2_M1_C2", precision="bfloat16")


@pytest.mark.parametrize("recipe", [ADAM, SOAP, NEWTON, GROWING], ids=["adam", "soap", "least-squares", "growing"])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(photos, tmp_path, monkeypatch, recipe) -> None:
    cache = tmp_path / "cache"
    train(recipe, photos, tmp_path / "whole.safetensors", cache=cache, progress=False)
    monkeypatch.setattr(state, "INTERVAL", 0.0)
    out = tmp_path / "broken.safetensors"
    saves = 0
    save = StateFile.save

    def interrupting(self, *arguments, **settings) -> None:
        nonlocal saves
        save(self, *arguments, **settings)
        saves += 1
        if saves % 3 == 0:
            raise Interrupted

    monkeypatch.setattr(StateFile, "save", interrupting)
    interruptions = 0
    for _ in range(60):
        try:
            train(recipe, photos, out, cache=cache, progress=False)
            break
        except Interrupted:
            interruptions += 1
            assert not out.exists()
    assert interruptions > 2
    whole, broken = checkpoint.load(tmp_path / "whole.safetensors"), checkpoint.load(out)
    states = [module.state_dict() for module, _ in (whole, broken)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert whole[1] == broken[1]
    assert not list(tmp_path.glob("*.state"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_loss_has_the_same_gradients(photos, tmp_path) -> None:
    recipe = replace(SOAP, precision="float32")
    pairs = make_pairs(prepare(photos, SAMPLING, cache=tmp_path / "cache").train, 2)
    gradients = []
    for compiled in (False, True):
        torch.manual_seed(0)
        run = descent.Descent(nets.build(nets.parse(recipe.id), "edge"), pairs, recipe, compiled)
        run.places[0].copy_(torch.from_numpy(descent.draw(recipe, 0, pairs.low.shape)))
        gradients.append(run.gradients())
    for plain, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, plain, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("place", range(4))
def test_crops_are_those_of_the_maps_turned(place: int) -> None:
    random = np.random.default_rng(place)
    low, high = (torch.from_numpy(random.random((3, 20 * s, 20 * s), np.float32)) for s in (1, 3))
    recipe = replace(ADAM, patch=7, batch=12, seed=place)
    places = descent.draw(recipe, 5, low.shape)
    assert len(np.unique(places[:, 3])) > 3
    small, large = (descent.crop(maps, torch.from_numpy(places), 7, s) for maps, s in ((low, 1), (high, 3)))
    for (index, y, x, turn), one, three in zip(places.tolist(), small, large, strict=True):
        assert torch.equal(one[0], descent.turned(low[index, y : y + 7, x : x + 7], turn))
        assert torch.equal(three[0], descent.turned(high[index, 3 * y : 3 * y + 21, 3 * x : 3 * x + 21], turn))


@pytest.mark.parametrize("optimizer", ["adam", "least-squares"])
@pytest.mark.parametrize("loss", ["mse", "log-mse"])
def test_training_beats_bicubic(photos, tmp_path, optimizer, loss) -> None:
    recipe = Recipe(
        "eSR-MAX_s2_K5_C2", optimizer, loss, steps=900 if optimizer == "adam" else 15, samples=20_000, starts=2,
        batch=16, patch=20, learning_rate=2e-2, average=0.95, sampling=SAMPLING,
    )  # fmt: skip
    psnr = train(recipe, photos, tmp_path / "a.safetensors", cache=tmp_path / "cache", progress=False)
    pairs = make_pairs(prepare(photos, SAMPLING, cache=tmp_path / "cache").validation, 2)
    bicubic = descent.validation_psnr(BicubicWithParameter(), pairs, 2)
    assert psnr > bicubic + 0.5


class BicubicWithParameter(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nets.build(nets.parse("Bicubic_s2"))
        self.device_holder = torch.nn.Parameter(torch.zeros(1))

    def forward(self, low: torch.Tensor) -> torch.Tensor:
        return self.net(low)


@pytest.mark.parametrize("scale", [2, 3, 4, 5])
def test_the_representatives_reach_every_sub_pixel_position_consistently(scale: int) -> None:
    """A network assembled from representatives commutes with the symmetries of the square."""
    module = nets.build(nets.parse(f"eSR-MAX_s{scale}_K3_C2"), "edge")
    torch.manual_seed(3)
    # filters of a position on a mirror axis are only fixed up to that mirror: make them symmetric
    solved = {}
    for y, x in least_squares.representatives(scale):
        filters = torch.randn(2, 3, 3)
        turns = [t for t in range(8) if _moved(scale, (y, x), t) == (y, x)]
        filters = torch.stack([descent.turned(filters, t) for t in turns]).mean(0)
        solved[y, x] = filters.reshape(2, 9).T.contiguous()
    least_squares.assemble(module.filter, solved, scale)
    low = torch.rand(1, 1, 6, 6)
    with torch.no_grad():
        for turn in range(8):
            expected = descent.turned(module(low), turn)
            torch.testing.assert_close(module(descent.turned(low, turn)), expected, atol=1e-5, rtol=0)


def _moved(scale: int, position: tuple[int, int], turn: int) -> tuple[int, int]:
    grid = torch.arange(scale**2).view(scale, scale)
    return divmod(int(descent.turned(grid, turn)[position]), scale)


def test_a_step_of_least_squares_solves_a_linear_problem() -> None:
    """With one template the maximum is linear, so the first undamped step is the solution."""
    random = torch.Generator().manual_seed(0)
    windows, truth = torch.rand(8, 500, 9, generator=random), torch.randn(9, 1, generator=random)
    problem = least_squares.Problem(windows, (windows @ truth)[..., 0], lambda maps: maps.amax(-1), None)
    weight = torch.zeros(9, 1)
    *_, end = least_squares.descend(problem, least_squares.Step(weight, 0.0, 1e-9, False), 8)
    torch.testing.assert_close(end.weight, truth, atol=1e-4, rtol=0)


def test_a_widened_filter_computes_the_same() -> None:
    random = torch.Generator().manual_seed(0)
    windows, weight = torch.rand(4, 50, 49, generator=random), torch.randn(9, 6, generator=random)
    problem = least_squares.Problem(windows, torch.zeros(4, 50), lambda maps: maps.amax(-1), None)
    wide, narrow = problem.errors(least_squares.widened(weight, 7)), problem.narrowed(3).errors(weight)
    torch.testing.assert_close(wide, narrow)
    with pytest.raises(ValueError, match="grows from smaller, odd kernels, not from"):
        least_squares.fit(
            nets.build(nets.parse("eSR-MAX_s2_K3_C1")), *2 * [make_pairs(np.zeros((1, 48, 48, 3), np.uint8), 2)],
            Recipe("eSR-MAX_s2_K3_C1", "least-squares", grow=(5,)), StateFile(Path("unused"), ""), lambda *_: None,
        )  # fmt: skip


def test_another_run_s_state_is_not_taken(photos, tmp_path) -> None:
    out = tmp_path / "a.safetensors"
    StateFile(tmp_path / "a.safetensors.state", "another").save({"x": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match="is the state of a run with another recipe or other photos; delete it"):
        train(ADAM, photos, out, cache=tmp_path / "cache", progress=False)
    train(replace(ADAM, steps=2), photos, out, resume=False, cache=tmp_path / "cache", progress=False)
    assert out.exists()


def test_what_cannot_be_trained_is_named(photos, tmp_path) -> None:
    with pytest.raises(ValueError, match="Bicubic_s2 has nothing to train"):
        train(Recipe("Bicubic_s2"), photos, tmp_path / "a", progress=False)
    with pytest.raises(FileNotFoundError, match="the folder .*missing does not exist; create it first"):
        train(ADAM, photos, tmp_path / "missing" / "a", progress=False)
    with pytest.raises(ValueError, match="least squares cannot minimize l1"):
        Recipe("eSR-MAX_s2_K3_C1", "least-squares", "l1")
    with pytest.raises(ValueError, match="unknown loss 'huber'; choose one of mse, l1, log-mse"):
        Recipe("eSR-MAX_s2_K3_C1", loss="huber")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="stretched is a part of the crops, 0…1"):
        replace(ADAM, stretched=1.5)
    with pytest.raises(ValueError, match="floor must be above 0"):
        replace(ADAM, floor=0.0)


def test_recipes_are_files_that_set_recipe(tmp_path) -> None:
    path = tmp_path / "recipe.py"
    path.write_text("from thinlens.training import Recipe\nrecipe = Recipe('eSR-MAX_s2_K3_C2')\n")
    assert load_recipe(path) == Recipe("eSR-MAX_s2_K3_C2")
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="is not a recipe: it must set recipe"):
        load_recipe(path)


def test_the_released_models_come_from_the_recipes() -> None:
    files = sorted((Path(__file__).parents[2] / "recipes").glob("*.py"))
    recipes = {file.stem: load_recipe(file) for file in files}
    assert all(recipe.id == name for name, recipe in recipes.items())
    made = {name: program.load(models.path(name)).provenance["recipe"] for name in models.names()}
    assert {name: recipes[name].hash() for name in made} == made
