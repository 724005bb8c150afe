"""`thinlens video`: what it refuses, what it prints, pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from films_encoded import decoded, film
from thinlens import cli, films
from thinlens.film_streams import upscale_stream
from thinlens.photo import read
from thinlens.sizes import TargetSize
from thinlens.video import Settings, Tags, lost

Command = Callable[..., tuple[int, str, str]]
QUICK = ("-m", "fast", "--preset", "ultrafast")


@pytest.fixture
def thinlens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command in a folder with the film a.mkv: its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    film(Path("a.mkv"))

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["thinlens", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(end.value.code or 0), out, err

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.mkv", "--codec", "ffv1", "--crf", "20"), "the encoder ffv1 has no --crf"),
        (("a.mkv", "--codec", "vp9", "--preset", "fast"), "the encoder libvpx-vp9 has no --preset"),
        (("a.mkv", "--codec", "h265"), "unknown codec 'h265'; there are h264, hevc, av1"),
        (("a.mkv", "--codec", "h264", "--encoder", "libx264"), "contradict each other"),
        (("a.mkv", "--encoder", "h26x"), "there is no encoder 'h26x' here"),
        (("a.mkv", "--encoder", "aac"), "aac does not encode pictures"),
        (("a.mkv", "--codec", "prores", "--format", "mov"), "prores_ks does not take yuv420p; give --pixel-format"),
        (("a.mkv", "--preset", "hasty"), "the encoder libx264 does not take 128x96 yuv420p with crf 18, preset hasty"),
        (("a.mkv", "--size", "127x96"), "a multiple of 2"),
        (("a.mkv", "-o", "b.avi"), "the name of a film ends in one of .mkv, .mp4"),
        (("a.mkv", "-o", "b.webm"), "name the result .mkv"),
        (("a.mkv", "--deinterlace"), "is not interlaced"),
        (("a.mkv", "--strength", "0.5"), "--strength says how much --enhance does; give both or none"),
        (("a.mkv", "--enhance", "--strength", "2"), "the strength must be from 0 to 1, not 2"),
        (("a.mkv", "--start", "9"), "no frame of the film lies there"),
        (("a.mkv", "--start", "-1"), "--start is in seconds"),
        (("b.mkv",), "b.mkv does not exist"),
        (("a.mkv", "-o", "a.mkv", "--overwrite"), "is a film to enlarge"),
        (("a.mkv", "--skip-existing", "--overwrite"), "contradict"),
        (("a.mkv", "-o", "-", "--crf", "20"), "raw frames are not encoded: leave out --crf"),
    ],
)
def test_what_is_refused(thinlens: Command, arguments: tuple[str, ...], message: str) -> None:
    before = sorted(Path().iterdir())
    code, out, err = thinlens("video", *arguments)
    assert (code, out) == (2, "") and message in " ".join(err.split())
    assert sorted(Path().iterdir()) == before


def test_a_film_a_folder_and_what_is_there_already(thinlens: Command) -> None:
    assert thinlens("video", "a.mkv", *QUICK)[:2] == (0, "a-x2.mkv\n")
    code, _, err = thinlens("video", "a.mkv", *QUICK)
    assert code == 2 and "a-x2.mkv is there already" in err
    Path("films/deep").mkdir(parents=True)
    film(Path("films/one.mkv"), 3)
    Path("films/deep/two.mp4").write_bytes(b"no film")
    code, out, err = thinlens("video", "films", *QUICK, "--json", "--fit", "200x200", "--start", "0.04")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code == 1 and [line.get("status") for line in lines] == ["done", "failed", None]) or [
        line.get("status") for line in lines
    ] == ["failed", "done", None]
    assert lines[-1]["films"] == 2 and lines[-1]["done"] == 1
    frames = decoded(Path("films-fit200x200/one.mkv"))
    assert len(frames) == 2 and frames[0][0] == 0
    code, out, _ = thinlens("video", "films/one.mkv", "-o", "films-fit200x200/one.mkv", *QUICK, "--skip-existing")
    assert (code, out) == (0, "")


def test_a_preview(thinlens: Command) -> None:
    assert thinlens("video", "a.mkv", "--preview", "0.2", "-m", "fast")[:2] == (0, "a-preview.png\n")
    assert read("a-preview.png").pixels.shape == (96, 256, 3)
    assert "is over by then" in thinlens("video", "a.mkv", "--preview", "20", "-o", "b.png")[2]


def test_fields_are_refused_or_made_frames(thinlens: Command) -> None:
    film(Path("fields.mkv"), 8, interlaced=True)
    code, _, err = thinlens("video", "fields.mkv", *QUICK)
    assert code == 2 and "give --deinterlace" in err
    assert thinlens("video", "fields.mkv", *QUICK, "--deinterlace")[0] == 0
    assert [time for time, _ in decoded(Path("fields-x2.mkv"))] == [time for time, _ in decoded(Path("fields.mkv"))]


def test_sizes_that_need_interpolation(thinlens: Command) -> None:
    assert thinlens("video", "a.mkv", "--width", "151", *QUICK, "-o", "b.mkv")[0] == 0
    assert decoded(Path("b.mkv"))[0][1].shape == (112 * 3 // 2, 150)


def test_raw_frames_through_pipes(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv")
    raw, again = tmp_path / "a.y4m", tmp_path / "b.y4m"
    options = films.Options(TargetSize(scale=2), "fast")
    with open(raw, "wb") as file:
        upscale_stream(source, file, options)
    frames = decoded(raw)
    assert len(frames) == 12 and frames[0][1].shape == (144, 128)
    with open(raw, "rb") as piped, open(again, "wb") as file:
        upscale_stream(piped, file, options)
    assert len(decoded(again)) == 12
    with open(raw, "rb") as piped:
        upscale_stream(piped, tmp_path / "c.mkv", films.Options(TargetSize(scale=2), "fast", preset="ultrafast"))
    assert len(decoded(tmp_path / "c.mkv")) == 12


def test_who_reads_may_stop(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", 60)
    command = [sys.executable, "-m", "thinlens.cli", "video", str(source), "-o", "-", "-m", "fast"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None and run.stderr is not None
    assert run.stdout.read(9) == b"YUV4MPEG2"
    run.stdout.close()
    assert run.wait(60) == 0 and run.stderr.read() == b""


def test_damage_is_told_and_what_was_before_is_kept(thinlens: Command) -> None:
    Path("cut.mp4").write_bytes(film(Path("whole.mp4"), 60, group=6).read_bytes()[:2000])
    code, out, err = thinlens("video", "cut.mp4", *QUICK)
    assert (code, out) == (2, "") and "cut.mp4 cannot be read as a film" in err and len(err.strip().splitlines()) <= 2
    assert not Path("cut-x2.mp4").exists()
    content = film(Path("long.mkv"), 40, codec="ffv1", group=1).read_bytes()
    half = len(content) // 2
    Path("holes.mkv").write_bytes(content[:half] + bytes(200) + content[half + 200 :])
    code, out, err = thinlens("video", "holes.mkv", "-m", "fast")
    assert (code, out) == (2, "") and "holes.mkv is damaged after" in " ".join(err.split())
    assert not list(Path().glob("*holes-x2*"))
    code, _, err = thinlens("video", "holes.mkv", "-m", "fast", "--keep-partial")
    assert code == 2 and "what was before is in holes-x2.partial.mkv" in " ".join(err.split())
    assert 10 < len(decoded(Path("holes-x2.partial.mkv"))) < 40
    assert not list(Path().glob(".thinlens*"))


@pytest.mark.slow
def test_mutated_films(tmp_path: Path) -> None:
    """2,000 of them: no crash, no hang, one sentence."""
    sources = [film(tmp_path / f"a.{suffix}", 8, (32, 32)).read_bytes() for suffix in ("mkv", "mp4", "ts", "nut")]
    script = tmp_path / "run.py"
    script.write_text(MUTATED)
    from concurrent.futures import ThreadPoolExecutor

    def batch(number: int) -> str:
        rng, folder = np.random.default_rng(number), tmp_path / f"batch{number}"
        folder.mkdir()
        for index in range(100):
            content = bytearray(sources[index % len(sources)])
            kind = int(rng.integers(3))
            if kind == 0:
                for place in rng.integers(0, len(content), int(rng.integers(1, 20))):
                    content[place] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                del content[int(rng.integers(1, len(content))) :]
            else:
                size = int(rng.integers(1, 200))
                a, b = (int(each) for each in rng.integers(0, len(content) - size, 2))
                content[a : a + size], content[b : b + size] = content[b : b + size], content[a : a + size]
            (folder / f"{index}.{('mkv', 'mp4', 'ts', 'nut')[index % 4]}").write_bytes(content)
        done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=2000)
        return f"{number}: {done.returncode} {done.stderr[-2000:]}" if done.returncode else ""

    with ThreadPoolExecutor(2) as pool:
        failed = [text for text in pool.map(batch, range(20)) if text]
    assert not failed, "\n".join(failed)


MUTATED = """
import faulthandler, sys
from pathlib import Path
from thinlens import films
from thinlens.batch import one_line
from thinlens.sizes import TargetSize
from thinlens.video import Settings, Tags, lost

options = films.Options(TargetSize(scale=2), "fast", preset="ultrafast")
for path in sorted(Path(sys.argv[1]).iterdir()):
    faulthandler.dump_traceback_later(20, exit=True)
    target = path.with_name(f"out-{path.name}")
    try:
        films.upscale_film(path, target, options)
    except (OSError, ValueError) as error:
        assert not target.exists() and "unexpected" not in one_line(error), path
    else:
        assert target.exists(), path
"""


def test_what_an_encoder_cannot_write_is_said() -> None:
    tags = Tags(light=(1000, 400), location="center")
    settings = Settings("ffv1", {}, "yuv420p", 1)
    assert lost(settings, tags) == ["mastering display and light level", "chroma location"]
    assert not lost(Settings("libx265", {}, "yuv420p", 1), tags)


def test_other_colors(thinlens: Command) -> None:
    code, out, _ = thinlens("video", "a.mkv", "-o", "b.mkv", *QUICK, "--enhance", "--strength", "0.5")
    assert (code, out) == (0, "b.mkv\n") and len(decoded(Path("b.mkv"))) == 12
    assert thinlens("video", "a.mkv", "-o", "c.mkv", *QUICK)[0] == 0
    assert not np.array_equal(decoded(Path("b.mkv"))[0][1], decoded(Path("c.mkv"))[0][1])
    code, out, _ = thinlens("video", "a.mkv", "--preview", "0", "--enhance", "-m", "fast", "-o", "a.png")
    assert (code, out) == (0, "a.png\n")
    film(Path("hdr.mkv"), 3, format="yuv420p10le", transfer=16)
    code, _, err = thinlens("video", "hdr.mkv", "-o", "d.mkv", *QUICK, "--enhance")
    assert code == 2 and "hdr.mkv has high dynamic range or wide colors: leave --enhance out" in err


def test_other_colors_through_pipes(thinlens: Command) -> None:
    made: list[bytes] = []
    for enhance in (None, 1.0):
        stream = BytesIO()
        options = films.Options(TargetSize(scale=2), "fast", start=0.1, duration=0.2, enhance=enhance)
        upscale_stream(Path("a.mkv"), stream, options)
        made.append(stream.getvalue())
    assert len(made[0]) == len(made[1]) and made[0] != made[1]
    with pytest.raises(ValueError, match="--deinterlace and --enhance take a file, not a pipe"):
        upscale_stream(BytesIO(made[0]), BytesIO(), options)
