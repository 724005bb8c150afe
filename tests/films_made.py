"""Small films by FFmpeg's own command, and what it says of any film: a maker and a judge that know nothing of us."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

SIZE = (64, 48)
FRAMES = 6
needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None,
    reason="no independent decoder: apt-get install ffmpeg",
)
SUBTITLES = "1\n00:00:00,040 --> 00:00:00,120\nfirst\n\n2\n00:00:00,130 --> 00:00:00,200\nsecond\n"
CHAPTERS = ";FFMETADATA1\ntitle=A film\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={begin}\nEND={begin + 120}\ntitle=Part {begin}\n" for begin in (0, 120)
)


def make(path: Path, codec: Sequence[str], *, extra: Sequence[str] = (), frames: int = FRAMES, size: str = "64x48",
         audio: Sequence[str] = (), subtitle: str | None = None, chapters: bool = False, filter: str | None = None,
         attach: bool = False, rotate: int | None = None) -> Path:  # fmt: skip
    """A film with one stream of pictures and, if asked for, streams of sound by these codecs, and so on."""
    folder = path.parent
    (folder / "words.srt").write_text(SUBTITLES)
    (folder / "chapters.txt").write_text(CHAPTERS)
    seconds = frames / 25
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
    maps = ["-map", "0:v"]
    options: list[str] = []
    for number, name in enumerate(audio):
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={300 + 100 * number}:sample_rate=48000:duration={seconds}"]
        maps += ["-map", f"{number + 1}:a"]
        options += [f"-c:a:{number}", name, f"-metadata:s:a:{number}", f"language={('eng', 'fra', 'deu')[number]}"]
        options += [
            f"-metadata:s:a:{number}",
            f"title=Sound {number}",
            f"-disposition:a:{number}",
            ("default", "comment", "0")[number],
        ]
    count = len(audio) + 1
    if subtitle:
        inputs += ["-i", str(folder / "words.srt")]
        maps += ["-map", f"{count}:s"]
        options += ["-c:s", subtitle, "-metadata:s:s:0", "language=spa", "-disposition:s:0", "forced"]
        count += 1
    if chapters:
        inputs += ["-i", str(folder / "chapters.txt")]
        options += ["-map_metadata", str(count), "-map_chapters", str(count)]
    if attach:
        options += ["-attach", str(folder / "chapters.txt"), "-metadata:s:t", "mimetype=text/plain"]
    if filter:
        options += ["-vf", filter]
    made = path if rotate is None else path.with_name(f"straight{path.suffix}")
    _run("ffmpeg", "-y", *inputs, *maps, *codec, *options, *extra, "-strict", "experimental", str(made))
    if rotate is not None:
        _run(
            "ffmpeg", "-y", "-i", str(made), "-map", "0", "-c", "copy", "-metadata:s:v:0", f"rotate={rotate}", str(path)
        )
    return path


def probe(path: Path) -> dict[str, Any]:
    """Streams, chapters and container of a film."""
    return json.loads(_run("ffprobe", "-show_streams", "-show_chapters", "-show_format", "-of", "json", str(path)))


def times(path: Path) -> list[float]:
    """The times of the frames of the first stream of pictures, decoded."""
    shown = _run(
        "ffprobe",
        "-select_streams",
        "v:0",
        "-show_entries",
        "frame=best_effort_timestamp_time",
        "-of",
        "json",
        str(path),
    )
    return [float(frame.get("best_effort_timestamp_time", "nan")) for frame in json.loads(shown)["frames"]]


def packets(path: Path, stream: int) -> list[tuple[float | None, str]]:
    """Times and hashes of the packets of a stream."""
    text = _run(
        "ffprobe", "-select_streams", str(stream), "-show_packets", "-show_data_hash", "md5", "-of", "json", str(path)
    )
    return [(float(p["pts_time"]) if "pts_time" in p else None, p["data_hash"]) for p in json.loads(text)["packets"]]


def frame_side_data(path: Path) -> list[dict[str, Any]]:
    """The side data of the first frame."""
    shown = _run(
        "ffprobe", "-select_streams", "v:0", "-read_intervals", "%+#1", "-show_frames", "-of", "json", str(path)
    )
    return json.loads(shown)["frames"][0].get("side_data_list", [])


def planes(path: Path, format: str, size: tuple[int, int], bits: int) -> NDArray[Any]:
    """The first plane of every frame, `(N, H, W)`, of a film whose frames have this format."""
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-noautorotate", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough",
         "-f", "rawvideo", "-pix_fmt", format, "-"], check=True, capture_output=True, timeout=120,
    ).stdout  # fmt: skip
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    import av

    video_format = av.VideoFormat(format)
    width, height = size
    total = 0
    for component in video_format.components:
        total += width * height if not component.is_chroma or component.plane == 0 else (
            (video_format.chroma_width(width) or 0) * (video_format.chroma_height(height) or 0)
        )  # fmt: skip
    frames = np.frombuffer(raw, kind).reshape(-1, total)
    return frames[:, : width * height].reshape(-1, height, width)


def _run(*command: str) -> str:
    done = subprocess.run([command[0], "-v", "error", *command[1:]], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done.stdout
