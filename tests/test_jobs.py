"""Which photo becomes which file: trees, patterns, names, and what is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from thinlens.jobs import plan


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos in it and below it, and things that are none; only names count for a plan."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "in/b.JPG",
        "in/a.png",
        "in/notes.txt",
        "in/.hidden.png",
        "in/sub/deep/c.webp",
        "in/sub/a.png",
        "in/.thumbnails/t.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def planned(photos: str | list[str], target: str | None = None, name: str = "x2", **options: object) -> dict[str, str]:
    here = Path.cwd()
    jobs = plan([photos] if isinstance(photos, str) else photos, target, name, **options)  # type: ignore[arg-type]
    ends = [job.target.relative_to(here) if job.target.is_absolute() else job.target for job in jobs]
    return {str(job.source): str(end) for job, end in zip(jobs, ends, strict=True)}


def test_a_folder_keeps_its_tree(tree: Path) -> None:
    assert planned("in", "out") == {
        "in/a.png": "out/a.png",
        "in/b.JPG": "out/b.JPG",
        "in/sub/a.png": "out/sub/a.png",
        "in/sub/deep/c.webp": "out/sub/deep/c.webp",
    }
    assert (tree / "out/sub/deep").is_dir()


def test_without_target_a_folder_gets_one_beside_it(tree: Path) -> None:
    assert planned("in")["in/sub/a.png"] == "in-x2/sub/a.png"
    assert planned("in/a.png", name="3000x2000") == {"in/a.png": "in/a-3000x2000.png"}


def test_results_inside_the_folder_are_no_photos_of_the_next_run(tree: Path) -> None:
    (tree / "in/out").mkdir()
    (tree / "in/out/a.png").touch()
    assert "in/out/a.png" not in planned("in", "in/out", may_exist=True)
    assert planned("in/**/*.png", "in/out", may_exist=True) == {
        "in/a.png": "in/out/a.png",
        "in/sub/a.png": "in/out/sub/a.png",
    }


def test_patterns_keep_the_tree_below_their_fixed_part(tree: Path) -> None:
    assert planned("in/**/*.png", "out") == {"in/a.png": "out/a.png", "in/sub/a.png": "out/sub/a.png"}
    assert planned("in/*/a.*", "out") == {"in/sub/a.png": "out/sub/a.png"}
    assert planned("in/sub/[a-c].png") == {"in/sub/a.png": "in/sub/a-x2.png"}
    assert planned("i?/*", "out") == {"in/a.png": "out/in/a.png", "in/b.JPG": "out/in/b.JPG"}
    with pytest.raises(FileNotFoundError, match=r"^no photo matches in/\*\.gif \(names ending in "):
        plan(["in/*.gif"], None, "x2")


def test_a_name_with_a_patterns_characters_is_a_name_if_there_is_such_a_file(tree: Path) -> None:
    (tree / "in/a[1].png").touch()
    assert planned("in/a[1].png", "out.png") == {"in/a[1].png": "out.png"}


def test_a_photo_named_twice_is_one_job(tree: Path) -> None:
    assert planned(["in/a.png", "in/*.png"], "out") == {"in/a.png": "out/a.png"}


def test_a_format_takes_the_place_of_the_suffix(tree: Path) -> None:
    assert planned("in", "out", format="webp")["in/b.JPG"] == "out/b.webp"
    assert planned("in/a.png", format="TIF") == {"in/a.png": "in/a-x2.tif"}
    with pytest.raises(ValueError, match=r"^unknown format 'gif'; there are jpg, jpeg, png, webp, tif, tiff, avif$"):
        plan(["in"], "out", "x2", format="gif")
    (tree / "in/a.jpg").touch()
    with pytest.raises(ValueError, match=r"would both become out/a\.png"):
        plan(["in"], "out", "x2", format="png")


def test_what_is_there_is_replaced_only_with_leave(tree: Path) -> None:
    (tree / "out").mkdir()
    (tree / "out/a.png").touch()
    with pytest.raises(FileExistsError) as caught:
        plan(["in"], "out", "x2")
    assert str(caught.value) == "out/a.png is there already; give --overwrite or --skip-existing"
    assert not (tree / "out/sub").exists()
    (tree / "out/b.JPG").touch()
    with pytest.raises(FileExistsError, match=r"^out/a\.png and 1 more are there already"):
        plan(["in"], "out", "x2")
    assert len(plan(["in"], "out", "x2", may_exist=True)) == 4


def test_links_that_go_round_are_not_followed(tree: Path) -> None:
    (tree / "in/sub/again").symlink_to(tree / "in")
    assert len(planned("in", "out")) == 4
