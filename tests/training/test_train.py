"""Training: it learns, it resumes where it was interrupted, it says what is wrong."""

import runpy
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from thinlens import bake, checkpoint, models, nets, photo, program
from thinlens.data.compression import Compression
from thinlens.data.pairs import Sampling, make_pairs, prepare
from thinlens.training import GradientDescent, LeastSquares, Recipe, descent, least_squares, load_recipe, state, train
from thinlens.training import run as training_run
from thinlens.training.losses import loss as training_loss
from thinlens.training.state import StateFile

SAMPLING = Sampling(per_photo=4, size=48, holdout=3)
SHORT = GradientDescent("adam", steps=95, batch=4, patch=16)
ADAM = Recipe("eSR-MAX_s2_K3_C2", SHORT, sampling=SAMPLING)
NEWTON = Recipe("eSR-TM_s3_K3_C2", LeastSquares(steps=6, samples=4000, starts=2), "log-mse", sampling=SAMPLING)


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


GROWING = replace(NEWTON, id="eSR-TM_s2_K7_C2", optimizer=LeastSquares(steps=5, samples=4000, starts=2, grow=(3, 5)))
SOAP = replace(ADAM, id="ECBSR_s2_M1_C2", optimizer=replace(SHORT, kind="soap", precision="bfloat16"))


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
    recipe = replace(SOAP, optimizer=replace(SHORT, kind="soap"))
    pairs = make_pairs(prepare(photos, SAMPLING, cache=tmp_path / "cache").train, 2)
    gradients = []
    for compiled in (False, True):
        torch.manual_seed(0)
        run = descent.Descent(nets.build(nets.parse(recipe.id), "edge"), pairs, recipe, compiled)
        run.places[0].copy_(torch.from_numpy(descent.draw(SHORT, 0, 0, pairs.low_resolution.shape)))
        gradients.append(run.gradients())
    for plain, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, plain, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_crops_are_those_of_the_planes_under_the_eight_symmetries(seed: int) -> None:
    random = np.random.default_rng(seed)
    low, high = (random.random((3, 20 * s, 20 * s), np.float32) for s in (1, 3))
    places = descent.draw(replace(SHORT, patch=7, batch=64), seed, 5, low.shape)
    assert set(places[:, 3]) == set(range(8))
    small, large = (
        descent.crop(torch.from_numpy(planes), torch.from_numpy(places), 7, s) for planes, s in ((low, 1), (high, 3))
    )
    for (index, y, x, symmetry), one, three in zip(places, small.numpy(), large.numpy(), strict=True):
        np.testing.assert_array_equal(one[0], _moved_by_hand(low[index, y : y + 7, x : x + 7], symmetry))
        y, x = 3 * y, 3 * x
        np.testing.assert_array_equal(three[0], _moved_by_hand(high[index, y : y + 21, x : x + 21], symmetry))


def _moved_by_hand(square: np.ndarray, symmetry: int) -> np.ndarray:
    """Pixel by pixel: where each comes from."""
    last = len(square) - 1
    result = np.empty_like(square)
    for y, x in np.ndindex(square.shape):
        from_y, from_x = (x, y) if symmetry & 4 else (y, x)
        result[y, x] = square[last - from_y if symmetry & 2 else from_y, last - from_x if symmetry & 1 else from_x]
    return result


def test_all_can_stand_under_one_symmetry() -> None:
    squares = torch.rand(3, 2, 5, 5)
    for symmetry in torch.arange(8):
        expected = descent.transformed(squares.flatten(0, 1), symmetry.expand(6)).view_as(squares)
        assert torch.equal(descent.transformed(squares, symmetry), expected)


def test_the_result_is_the_moving_average_of_the_weights(photos, tmp_path) -> None:
    pairs = make_pairs(prepare(photos, SAMPLING, cache=tmp_path / "cache").train, 2)
    run = descent.Descent(nets.build(nets.parse(ADAM.id), "edge"), pairs, ADAM)
    average = run.weights.values[0].clone()
    for step in range(20):
        run.round(range(step, step + 1))
        if step > 0:
            average += (run.weights.values[0] - average) * max(1 - SHORT.average, 9 / (9 + step))
    assert not torch.equal(average, run.weights.values[0])
    torch.testing.assert_close(run.averages.values[0], average)


def test_the_losses_by_hand() -> None:
    output, target = torch.tensor([[0.0, 0.5], [1.0, 0.0]]), torch.tensor([[0.3, 0.1], [1.0, 0.0]])
    assert float(training_loss("mse", output, target, 0.01)) == pytest.approx((0.09 + 0.16) / 4)
    assert float(training_loss("l1", output, target, 0.01)) == pytest.approx((0.3 + 0.4) / 4)
    expected = (np.log((0.09 + 0.16) / 2 + 0.01) + np.log(0.01)) / 2
    assert float(training_loss("log-mse", output, target, 0.01)) == pytest.approx(expected)


def flushing() -> bool:
    return float(torch.tensor(1e-40) * 1) == 0


@pytest.fixture
def denormals():
    """Sets whether this thread flushes denormal numbers, and ends as it began."""
    before = flushing()
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor does not flush denormal numbers")
    yield torch.set_flush_denormal
    torch.set_flush_denormal(before)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("interrupted", [False, True])
def test_denormal_numbers_are_flushed_while_training_only(
    photos, tmp_path, denormals, before: bool, interrupted: bool
) -> None:
    pairs = make_pairs(prepare(photos, SAMPLING, cache=tmp_path / "cache").train, 2)
    denormals(before)
    seen: list[bool] = []

    def report(*_: float) -> None:
        seen.append(flushing())
        if interrupted:
            raise Interrupted

    with pytest.raises(Interrupted) if interrupted else nullcontext():
        descent.fit(
            nets.build(nets.parse(ADAM.id)), pairs, pairs, ADAM.overridden(steps=20),
            StateFile(tmp_path / "none.state", ""), report,
        )  # fmt: skip
    assert seen == [True] * (1 if interrupted else 2)
    assert flushing() == before


@pytest.mark.parametrize("optimizer", ["adam", "least-squares"])
@pytest.mark.parametrize("loss", ["mse", "log-mse"])
def test_training_beats_bicubic(photos, tmp_path, optimizer, loss) -> None:
    method = {
        "adam": GradientDescent("adam", steps=900, batch=16, patch=20, learning_rate=2e-2, average=0.95),
        "least-squares": LeastSquares(steps=15, samples=20_000, starts=2),
    }[optimizer]
    recipe = Recipe("eSR-MAX_s2_K5_C2", method, loss, sampling=SAMPLING)
    psnr = train(recipe, photos, tmp_path / "a.safetensors", cache=tmp_path / "cache", progress=False)
    pairs = make_pairs(prepare(photos, SAMPLING, cache=tmp_path / "cache").validation, 2)
    bicubic = descent.validation_psnr(BicubicWithParameter(), pairs, 2)
    assert psnr > bicubic + 0.5


class BicubicWithParameter(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nets.build(nets.parse("Bicubic_s2"))
        self.device_holder = torch.nn.Parameter(torch.zeros(1))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.net(picture)


@pytest.mark.parametrize("scale", [2, 3, 4, 5])
def test_the_representatives_reach_every_sub_pixel_position_consistently(scale: int) -> None:
    """A network assembled from representatives commutes with the symmetries of the square."""
    module = nets.build(nets.parse(f"eSR-MAX_s{scale}_K3_C2"), "edge")
    torch.manual_seed(3)
    # filters of a position on a mirror axis are only fixed up to that mirror: make them symmetric
    solved = {}
    for y, x in least_squares.representatives(scale):
        filters = torch.randn(2, 3, 3)
        fixing = [s for s in torch.arange(8) if _moved(scale, (y, x), s) == (y, x)]
        filters = torch.stack([descent.transformed(filters, s) for s in fixing]).mean(0)
        solved[y, x] = filters.reshape(2, 9).T.contiguous()
    least_squares.assemble(module.filter, solved, scale)
    picture = torch.rand(1, 1, 6, 6)
    with torch.no_grad():
        for symmetry in torch.arange(8):
            expected = descent.transformed(module(picture), symmetry)
            torch.testing.assert_close(module(descent.transformed(picture, symmetry)), expected, atol=1e-5, rtol=0)


def _moved(scale: int, position: tuple[int, int], symmetry: torch.Tensor) -> tuple[int, int]:
    grid = torch.arange(scale**2).view(scale, scale)
    return divmod(int(descent.transformed(grid, symmetry)[position]), scale)


def test_a_step_of_least_squares_solves_a_linear_problem() -> None:
    """With one template the maximum is linear, so the first undamped step is the solution."""
    random = torch.Generator().manual_seed(0)
    windows, truth = torch.rand(8, 500, 9, generator=random), torch.randn(9, 1, generator=random)
    problem = least_squares.Problem(windows, (windows @ truth)[..., 0], lambda maps: maps.amax(-1), None)
    weight = torch.zeros(9, 1)
    *_, end = least_squares.levenberg_marquardt(problem, least_squares.Iterate(weight, 0.0, 1e-9, False), 8)
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
            Recipe("eSR-MAX_s2_K3_C1", LeastSquares(grow=(5,))), StateFile(Path("unused"), ""), lambda *_: None,
        )  # fmt: skip


def test_another_run_s_state_is_not_taken(photos, tmp_path) -> None:
    out = tmp_path / "a.safetensors"
    StateFile(tmp_path / "a.safetensors.state", "another").save({"x": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match="is the state of a run with another recipe or other photos; delete it"):
        train(ADAM, photos, out, cache=tmp_path / "cache", progress=False)
    train(ADAM.overridden(steps=2), photos, out, resume=False, cache=tmp_path / "cache", progress=False)
    assert out.exists()


def test_what_cannot_be_trained_is_named(photos, tmp_path) -> None:
    with pytest.raises(ValueError, match="Bicubic_s2 has nothing to train"):
        train(Recipe("Bicubic_s2"), photos, tmp_path / "a", progress=False)
    with pytest.raises(FileNotFoundError, match="the folder .*missing does not exist; create it first"):
        train(ADAM, photos, tmp_path / "missing" / "a", progress=False)
    with pytest.raises(ValueError, match="least squares cannot minimize l1"):
        Recipe("eSR-MAX_s2_K3_C1", LeastSquares(), "l1")
    with pytest.raises(ValueError, match="unknown loss 'huber'; choose one of mse, l1, log-mse"):
        Recipe("eSR-MAX_s2_K3_C1", loss="huber")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="stretched is a fraction of the crops, 0…1"):
        replace(ADAM, stretched=1.5)
    with pytest.raises(ValueError, match="epsilon must be above 0"):
        replace(ADAM, epsilon=0.0)


def test_settings_override_a_recipe_s() -> None:
    soap = Recipe("eSR-MAX_s2_K3_C2", GradientDescent("soap", steps=7, batch=3), "l1", seed=1)
    assert soap.overridden() == soap
    assert soap.overridden(seed=0, loss="mse") == replace(soap, seed=0, loss="mse")
    assert soap.overridden("adam").optimizer == GradientDescent("adam", steps=7, batch=3)
    squares = soap.overridden("least-squares", 9, loss="mse")
    assert squares == Recipe("eSR-MAX_s2_K3_C2", LeastSquares(steps=9), "mse", seed=1)
    assert squares.overridden("least-squares", seed=2) == replace(squares, seed=2)
    assert squares.overridden("soap", loss="l1") == replace(soap, optimizer=GradientDescent("soap"))
    with pytest.raises(ValueError, match="unknown optimizer 'sgd'; choose one of adam, soap, least-squares"):
        soap.overridden("sgd")
    with pytest.raises(ValueError, match="least squares cannot minimize l1"):
        soap.overridden("least-squares")
    for mistaken in (
        lambda: GradientDescent(batch=0),
        lambda: LeastSquares(samples=0),
        lambda: soap.overridden(steps=0),
    ):
        with pytest.raises(ValueError, match="must be at least 1"):
            mistaken()


def test_every_setting_changes_the_hash() -> None:
    recipes = [
        Recipe("eSR-MAX_s2_K3_C2"),
        Recipe("eSR-MAX_s3_K3_C2"),
        Recipe("eSR-MAX_s2_K3_C2", seed=1),
        Recipe("eSR-MAX_s2_K3_C2", epsilon=1.0),
        Recipe("eSR-MAX_s2_K3_C2", sampling=SAMPLING),
        Recipe("eSR-MAX_s2_K3_C2", drawings=0.1),
        *(Recipe("eSR-MAX_s2_K3_C2", compression=each) for each in (Compression(), Compression((50, 60)))),
        *(Recipe("eSR-MAX_s2_K3_C2", method) for method in (SHORT, replace(SHORT, kind="soap"), LeastSquares())),
        *(Recipe("eSR-MAX_s2_K3_C2", LeastSquares(**setting)) for setting in ({"steps": 9}, {"grow": (3,)})),
    ]
    assert len({recipe.hash() for recipe in recipes}) == len(recipes)


def test_recipes_are_files_that_set_recipe(tmp_path) -> None:
    path = tmp_path / "recipe.py"
    path.write_text("from thinlens.training import Recipe\nrecipe = Recipe('eSR-MAX_s2_K3_C2')\n")
    assert load_recipe(path) == Recipe("eSR-MAX_s2_K3_C2")
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="is not a recipe: it must set recipe"):
        load_recipe(path)
    path.write_text("from thinlens.training import Recipe\nrecipes = {'a': Recipe('eSR-MAX_s3_K3_C2')}\n")
    assert load_recipe(f"{path}:a") == Recipe("eSR-MAX_s3_K3_C2")
    with pytest.raises(ValueError, match="is not a recipe: name one of its recipes, as .*recipe.py:a"):
        load_recipe(path)
    with pytest.raises(ValueError, match="has no recipe 'b'; it has a"):
        load_recipe(f"{path}:b")


def test_the_released_models_come_from_the_recipes() -> None:
    files = sorted((Path(__file__).parents[2] / "recipes").glob("*.py"))
    single = [file for file in files if "recipe" in runpy.run_path(str(file))]
    recipes = {file.stem: load_recipe(file) for file in single}
    assert all(recipe.id == name for name, recipe in recipes.items())
    for file in [file for file in files if file not in single]:
        recipes |= runpy.run_path(str(file))["recipes"]
    assert all(name.split(".")[0] == recipe.id for name, recipe in recipes.items())
    released = {file.stem: program.load(file) for file in models.FOLDER.glob("*.safetensors")}
    names = {name: each.name if name == models.ENHANCE else name for name, each in released.items()}
    made = {names[name]: each.provenance["recipe"] for name, each in released.items()}
    assert {name: recipes[name].hash() for name in made} == made


def test_training_starts_from_a_checkpoint(photos, tmp_path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    train(ADAM, photos, first, cache=tmp_path, progress=False)
    longer = replace(ADAM, seed=7)
    train(longer, photos, second, start=first, cache=tmp_path, progress=False)
    assert checkpoint.load(second)[1]["start"] == ADAM.hash()
    assert checkpoint.load(second)[1]["recipe"] == longer.hash()
    other = replace(ADAM, id="eSR-MAX_s2_K3_C1")
    with pytest.raises(ValueError, match="is a checkpoint of .*, not of eSR-MAX_s2_K3_C1: start with one of these"):
        train(other, photos, second, start=first, cache=tmp_path, progress=False)


def test_training_starts_from_a_program(photos, tmp_path) -> None:
    first, second, made = (tmp_path / f"{name}.safetensors" for name in ("first", "second", "program"))
    recipe = replace(SOAP, optimizer=replace(SHORT, kind="soap", steps=4))
    train(recipe, photos, first, cache=tmp_path, progress=False)
    program.save(replace(bake.fuse(nets.lower(checkpoint.load(first)[0])), provenance={"recipe": recipe.hash()}), made)
    compressed = replace(recipe, compression=Compression((50, 60)))
    train(compressed, photos, second, start=made, cache=tmp_path, progress=False)
    assert checkpoint.load(second)[1]["start"] == recipe.hash()
    with pytest.raises(ValueError, match="is a program of .*, not of eSR-MAX_s2_K3_C2: start with one of these"):
        train(ADAM, photos, second, start=made, cache=tmp_path, progress=False)


def test_drawings_are_mixed_into_the_photos(photos, tmp_path, monkeypatch) -> None:
    counts = []

    def counted(crops, *arguments):
        counts.append(len(crops))
        return make_pairs(crops, *arguments)

    monkeypatch.setattr(training_run, "make_pairs", counted)
    for part in (0.0, 0.5):
        train(replace(ADAM, drawings=part), photos, tmp_path / "out.safetensors", cache=tmp_path, progress=False)
    assert counts[2] == round(1.5 * counts[0]) and counts[3] == counts[1]  # validation is on photos
    with pytest.raises(ValueError, match="drawings are so many for each crop of a photo, at least 0"):
        Recipe("eSR-MAX_s2_K3_C2", drawings=-1)
