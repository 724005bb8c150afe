"""What `import thinlens` gives, and what it does not load."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import thinlens
from thinlens.photo import Photo, write
from thinlens.program import Convolution, PixelShuffle, Program, ReduceMax, save

HEAVY = ("torch", "halide", "pyvips", "ray", "numpy", "rich")


def loaded_after(code: str, *names: str) -> set[str]:
    """Which of the modules a fresh interpreter has loaded after running the code."""
    report = f"import sys\n{code}\nprint(*[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_public_names() -> None:
    verbs = ["benchmark", "compile", "convert", "enhance", "enhance_file", "evaluate", "explain", "load"]
    expected = ["Lut3d", "Program", *verbs, "models", "train", "upscale", "upscale_file"]
    assert sorted(thinlens.__all__) == expected
    assert sorted(set(dir(thinlens)) - {"__version__"}) == expected


@pytest.mark.parametrize("name", sorted(set(thinlens.__all__) - {"Lut3d", "Program", "models"}))
def test_verbs_are_functions_with_a_docstring(name: str) -> None:
    assert callable(getattr(thinlens, name))
    assert getattr(thinlens, name).__doc__


@pytest.mark.parametrize(("package", "verb"), [("training", "train"), ("evaluation", "evaluate")])
def test_packages_are_nouns_and_do_not_hide_the_verbs(package: str, verb: str) -> None:
    module = importlib.import_module(f"thinlens.{package}")
    assert getattr(thinlens, verb) is getattr(module, verb)
    assert getattr(thinlens, package) is module


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match=r"^module 'thinlens' has no attribute 'enlarge'$"):
        _ = thinlens.enlarge  # type: ignore[attr-defined]


def test_importing_loads_nothing_heavy() -> None:
    assert loaded_after("import thinlens", *HEAVY) == set()


def test_the_command_loads_nothing_heavy_for_its_help() -> None:
    code = "from thinlens import cli\ntry: cli.app(['upscale', '--help'])\nexcept SystemExit: pass"
    assert loaded_after(code, *HEAVY) == set()


def test_upscaling_a_photo_needs_no_torch(tmp_path: Path) -> None:
    ops = (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2), ReduceMax(2))
    save(Program("tiny", ops), tmp_path / "tiny.safetensors")
    write(Photo(np.zeros((4, 5, 3), np.uint8)), tmp_path / "low.png")
    files = {name: str(tmp_path / name) for name in ("low.png", "high.png", "tiny.safetensors")}
    arguments = ["upscale", files["low.png"], "-o", files["high.png"], "-m", files["tiny.safetensors"]]
    code = f"from thinlens import cli\ntry: cli.app({arguments!r})\nexcept SystemExit: pass"
    assert loaded_after(code, "torch", "halide") == {"halide"}
    assert (tmp_path / "high.png").exists()


@pytest.mark.parametrize("name", ["train", "convert"])
def test_without_torch_the_error_says_what_to_install(name: str) -> None:
    code = (
        f"sys.modules['torch'] = None\nimport thinlens\ntry: thinlens.{name}\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", f"import sys\n{code}"], capture_output=True, text=True, check=True)
    assert done.stdout == "training needs torch: pip install 'thinlens[train]'\n"
