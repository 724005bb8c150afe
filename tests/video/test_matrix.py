"""Films by another program, enlarged, and judged by another decoder: all but the size is as it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

import thinlens
from films_made import FRAMES, SIZE, frame_side_data, make, needs_ffmpeg, packets, planes, probe, times
from thinlens import films, run
from thinlens.program.reference import run as reference
from thinlens.sizes import TargetSize
from thinlens.video import FORMATS, enlarged
from thinlens.video import frames as stored

pytestmark = needs_ffmpeg
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "3")
X264_B = ("-c:v", "libx264", "-preset", "medium", "-bf", "2", "-g", "6")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=3")
BT709 = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
BT601 = ("-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-colorspace", "smpte170m", "-color_range", "tv")
FULL = ("-color_primaries", "bt709", "-color_trc", "iec61966-2-1", "-colorspace", "bt709", "-color_range", "pc")
HDR = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv")
MASTERING = "log-level=error:chromaloc=2:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
MASTERING += "L(10000000,1):max-cll=1000,400"
VFR = {"filter": "setpts=N*(N+3)*100", "extra": ("-fps_mode", "vfr")}
AVC = (*X264_B, "-pix_fmt", "yuv420p")


@dataclass(frozen=True)
class Case:
    """A film to make, and what it is made into where that differs."""

    name: str
    suffix: str
    codec: tuple[str, ...]
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    into: str | None = None
    quick: bool = False


def _formats(encoder: tuple[str, ...], suffix: str, names: str, **options: Any) -> list[Case]:
    short = encoder[1].removeprefix("lib")
    return [
        Case(f"{short}-{name}-{suffix[1:]}", suffix, (*encoder, "-pix_fmt", name), options=options)
        for name in names.split()
    ]


CASES = [
    Case("mp4-common", ".mp4", (*AVC, *BT709), {"audio": ("aac",)}, quick=True),
    Case(
        "mkv-everything",
        ".mkv",
        (*X264, "-pix_fmt", "yuv420p", *BT601),
        {
            "audio": ("aac", "libopus", "flac"),
            "subtitle": "srt",
            "chapters": True,
            "attach": True,
            "filter": "setsar=4/3",
        },
        quick=True,
    ),
    Case(
        "hevc-hdr10",
        ".mkv",
        ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", MASTERING, "-pix_fmt", "yuv420p10le", *HDR),
        {"audio": ("ac3",)},
        quick=True,
    ),
    Case("mp4-turned-90", ".mp4", (*X264, "-pix_fmt", "yuv420p"), {"rotate": 90, "audio": ("aac",)}, quick=True),
    Case(
        "mkv-uneven",
        ".mkv",
        AVC,
        {**VFR},
        quick=True,
    ),
    Case("ffv1-alpha", ".mkv", ("-c:v", "ffv1", "-pix_fmt", "yuva420p"), quick=True),
    Case("mpegts", ".ts", (*X264, "-pix_fmt", "yuv420p"), {"audio": ("mp2",)}, quick=True),
    *_formats(X264, ".mkv", "yuv422p yuv444p yuv420p10le yuv422p10le yuv444p10le gray"),
    *_formats(X264, ".mp4", "yuv422p yuv444p yuv420p10le"),
    *_formats(X265, ".mkv", "yuv420p yuv422p yuv444p yuv422p10le yuv444p10le yuv420p12le yuv444p12le gray gray10le"),
    *_formats(X265, ".mp4", "yuv420p yuv420p10le"),
    *_formats(VP9, ".webm", "yuv420p yuv422p yuv444p"),
    Case("vp9-into-hevc", ".webm", (*VP9, "-pix_fmt", "yuv420p10le"), {}, {"codec": "hevc"}, into=".mkv"),
    *[
        Case(f"av1-{name}", ".mkv", ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", name), {"size": "64x64"})
        for name in ("yuv420p", "yuv420p10le")
    ],
    *_formats(("-c:v", "ffv1"), ".mkv", "yuv420p yuv422p yuv444p yuv440p yuv411p yuv420p10le yuv444p12le"),
    *_formats(("-c:v", "ffv1"), ".mkv", "gray gray10le bgr0 yuva444p yuv422p16le"),
    *_formats(("-c:v", "ffv1"), ".nut", "yuv420p"),
    *_formats(("-c:v", "prores_ks"), ".mov", "yuv422p10le"),
    *_formats(("-c:v", "prores_ks"), ".mov", "yuv444p10le", pixel_format="yuv444p10le"),
    *_formats(("-c:v", "prores_ks"), ".mov", "yuva444p10le", pixel_format="yuva444p10le"),
    *_formats(("-c:v", "mpeg4"), ".avi", "yuv420p"),
    *_formats(("-c:v", "mpeg2video"), ".mpg", "yuv420p yuv422p"),
    *_formats(("-c:v", "mjpeg"), ".mov", "yuvj420p yuvj444p"),
    *_formats(("-c:v", "libvpx", "-deadline", "realtime"), ".webm", "yuv420p", codec="vp9"),
    *_formats(("-c:v", "wrapped_avframe"), ".y4m", "yuv420p yuv444p"),
    *[Case(f"mov-turned-{angle}", ".mov", (*X264, "-pix_fmt", "yuv420p"), {"rotate": angle}) for angle in (180, 270)],
    *[
        Case(f"{name}-{suffix[1:]}", suffix, (*X264, "-pix_fmt", "yuv420p", *color))
        for name, color in (("bt601", BT601), ("full", FULL), ("bt709", BT709))
        for suffix in (".mp4", ".mkv")
    ],
    *[
        Case(f"sar-{sar.replace('/', '-')}", ".mp4", (*X264, "-pix_fmt", "yuv420p"), {"filter": f"setsar={sar}"})
        for sar in ("16/11", "10/11", "4/3")
    ],
    Case(
        "mp4-uneven",
        ".mp4",
        AVC,
        {**VFR, "audio": ("aac",)},
    ),
    Case("mp4-late", ".mp4", AVC, {"filter": "setpts=PTS+0.2/TB", "audio": ("aac",)}),
    Case("mkv-late", ".mkv", AVC, {"filter": "setpts=PTS+0.2/TB", "audio": ("aac",)}),
    Case(
        "mp4-into-mkv",
        ".mp4",
        (*AVC, *BT709),
        {"audio": ("aac",), "chapters": True},
        into=".mkv",
    ),
    Case(
        "mkv-into-mp4",
        ".mkv",
        (*AVC, *BT709),
        {"audio": ("aac",), "chapters": True},
        into=".mp4",
    ),
    Case("mov-into-mkv", ".mov", AVC, {"audio": ("pcm_s16le",)}, into=".mkv"),
    Case(
        "mp4-words",
        ".mp4",
        (*X264, "-pix_fmt", "yuv420p"),
        {"audio": ("aac", "ac3"), "subtitle": "mov_text", "chapters": True},
    ),
    Case("mkv-ass", ".mkv", (*X265, "-pix_fmt", "yuv420p"), {"audio": ("libvorbis", "libmp3lame"), "subtitle": "ass"}),
    Case("odd-sides", ".mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p"), {"size": "63x47"}),
    Case("hevc-topleft", ".mkv", (*X265[:-1], "log-level=error:chromaloc=2", "-pix_fmt", "yuv420p", *BT709)),
    Case("h264-center", ".mp4", (*X264, "-pix_fmt", "yuv420p", "-chroma_sample_location", "center")),
    Case("twenty-frames", ".mp4", AVC, {"frames": 20, "audio": ("aac",)}),
]
PARAMETERS = [pytest.param(case, marks=[] if case.quick else [pytest.mark.slow], id=case.name) for case in CASES]
COLOR = ("color_range", "color_space", "color_transfer", "color_primaries", "chroma_location", "sample_aspect_ratio")
PRESETS = {"libx264": "ultrafast", "libx265": "ultrafast", "libsvtav1": "12"}


def test_there_are_sixty() -> None:
    assert len(CASES) >= 60 and len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", PARAMETERS)
def test_all_but_the_size_is_as_it_was(case: Case, tmp_path: Path) -> None:
    source = make(tmp_path / f"film{case.suffix}", case.codec, **case.more)
    suffix = case.into or (case.suffix if case.suffix in FORMATS else ".mkv")
    target = tmp_path / f"larger{suffix}"
    options = films.Options(TargetSize(scale=2), "fast", segment=0.1, **case.options)
    work = films.upscale_film(source, target, options)

    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".thinlens")]
    _check_luma(source, work)
    exact = suffix == case.suffix or suffix not in (".mkv", ".webm")
    _check_times(times(source), times(target), 1e-6 if exact else 6e-4)
    before, after = probe(source), probe(target)
    _check_pictures(source, before, target, after)
    _check_others(source, before, target, after, 1e-6 if exact else 6e-4)
    assert [_chapter(chapter) for chapter in before["chapters"]] == [_chapter(chapter) for chapter in after["chapters"]]
    titles = [found["format"].get("tags", {}).get("title") for found in (before, after)]
    assert titles[0] == titles[1]


def _check_luma(source: Path, work: films.Work) -> None:
    """Every frame, before it is encoded, is what a picture with the samples of its luma becomes."""
    film, size = work.making.film, work.making.size
    layout = film.layout
    if layout.name.startswith("gb"):
        return  # its planes come in another order from FFmpeg; tests of frames have them
    said = next(s for s in probe(source)["streams"] if s["codec_type"] == "video")["pix_fmt"]
    full = said.startswith("yuvj") or said.startswith("gray")
    decoded = planes(source, said if full else layout.name, film.size, layout.bits)
    chosen = work.choice.source
    program, count = run.load("fast", 2, chosen), 0
    for (_, frame), luma in zip(enlarged(work.making, work.enlarge, None, None), decoded, strict=True):
        still = (
            thinlens.upscale(luma, 2, "fast", source=chosen)
            if layout.bits == 8
            else reference(program, luma, layout.bits)
        )
        ours = stored.planes(frame, layout)[0]
        difference = np.abs(ours.astype(int) - still[: size[1], : size[0]].astype(int)).max()
        assert difference <= (0 if layout.bits == 8 else 1)
        count += 1
    assert count >= FRAMES


def _check_times(before: list[float], after: list[float], tolerance: float) -> None:
    assert len(before) == len(after)
    before = [after[index] if np.isnan(ticks) else ticks for index, ticks in enumerate(before)]  # nothing is said there
    shift = after[0] - before[0]
    assert np.allclose(np.array(before) + (shift if abs(shift) > 1e-6 else 0), after, atol=tolerance, rtol=0)
    assert abs(shift) <= tolerance, f"all times are {shift} s later"


def _check_pictures(source: Path, before: dict[str, Any], target: Path, after: dict[str, Any]) -> None:
    old, new = (next(s for s in found["streams"] if s["codec_type"] == "video") for found in (before, after))
    assert (new["width"], new["height"]) == (old["width"] * 2 // 2 * 2, old["height"] * 2 // 2 * 2)
    for name in COLOR:
        said = old.get(name, "unknown")
        if name == "sample_aspect_ratio" and said in ("0:1", "1:1", "unknown"):
            assert new.get(name, "1:1") in ("0:1", "1:1")
        elif name == "chroma_location" and said in ("unspecified", "left", "unknown"):
            assert new.get(name, "left") in ("unspecified", "left", "unknown")
        elif name == "chroma_location" and "422" in old["pix_fmt"] and said == "topleft":
            continue  # it lies to the left in every row, whatever that is called
        elif name == "chroma_location" and old["codec_name"] in ("mjpeg", "rawvideo", "vp8", "mpeg4"):
            continue  # not what the file says, what its codec always is
        elif said != "unknown":
            assert new.get(name, "unknown") == said, name
    turned = [[d for d in found.get("side_data_list", []) if "rotation" in d] for found in (old, new)]
    assert [d["rotation"] for d in turned[0]] == [d["rotation"] for d in turned[1]]
    hdr = [
        [d for d in frame_side_data(path) if d["side_data_type"].startswith(("Mastering", "Content"))]
        for path in (source, target)
    ]
    assert hdr[0] == hdr[1]


def _check_others(source: Path, before: dict[str, Any], target: Path, after: dict[str, Any], tolerance: float) -> None:
    old, new = ([s for s in found["streams"] if s["codec_type"] not in ("video", "data")] for found in (before, after))
    assert [s["codec_type"] for s in old] == [s["codec_type"] for s in new]
    for was, now in zip(old, new, strict=True):
        assert was.get("codec_name") == now.get("codec_name")
        assert was["disposition"] == now["disposition"]
        tags = {"title": now.get("tags", {}).get("handler_name"), **now.get("tags", {})}  # as MP4 has names of streams
        for name in ("language", "title", "filename", "mimetype"):
            said = was.get("tags", {}).get(name)
            assert said in (None, "und") or tags.get(name) == said, name
        if was["codec_type"] == "attachment":
            continue
        there, here = packets(source, was["index"]), packets(target, now["index"])
        assert [content for _, content in there] == [content for _, content in here]
        pairs = [(a, b) for (a, _), (b, _) in zip(there, here, strict=True) if a is not None]
        assert all(b is not None and abs(a - b) <= tolerance for a, b in pairs)


def _chapter(chapter: dict[str, Any]) -> tuple[float, float, Any]:
    return round(float(chapter["start_time"]), 3), round(float(chapter["end_time"]), 3), chapter.get("tags")


assert SIZE == (64, 48)
