"""Small films by PyAV itself, for tests that judge nothing but how runs go."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinlens.video import Film, Tags, Times, layout_of


def film(path: Path, frames: int = 12, size: tuple[int, int] = (64, 48), codec: str = "libx264", group: int = 4,
         format: str = "yuv420p", interlaced: bool = False, transfer: int = 2) -> Path:  # fmt: skip
    """A film of moving noise, a frame that can be decoded by itself every `group`."""
    import av

    noise = np.random.default_rng(0).integers(40, 200, (size[1] // 8, size[0] // 8)).astype(np.uint8)
    noise = noise.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height = size
        stream.pix_fmt = format
        stream.codec_context.color_trc = transfer
        options = {"preset": "ultrafast", "bf": "2"} if codec == "libx264" else {}
        flags = {"flags": "+ildct", "x264-params": "tff=1"} if interlaced else {}
        stream.options = {**options, **flags, "g": str(group)}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, (number, 2 * number), (0, 1)), "gray").reformat(
                format=format
            )
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def described(format: str = "yuv444p", size: tuple[int, int] = (64, 48), **tags: int) -> Film:
    """What is known of a film that there is not, with these tags."""
    base, times = Fraction(1, 25), Times([0], [0], True, 1)
    return Film("a.mkv", 0, "h264", size, layout_of(format), base, 1 / base, False, Tags(**tags), None, None, times)


def decoded(path: Path) -> list[tuple[Fraction, NDArray[Any]]]:
    """The frames of a film: times in seconds and samples as decoded."""
    import av

    with av.open(str(path)) as container:
        video = container.streams.video[0]
        found: list[tuple[Fraction, NDArray[Any]]] = []
        for frame in container.decode(video):
            assert frame.pts is not None
            found.append((frame.pts * frame.time_base, frame.to_ndarray()))
        return found


def same(one: Path, other: Path) -> bool:
    """Whether two films have the same frames at the same times."""
    a, b = decoded(one), decoded(other)
    return len(a) == len(b) and all(x[0] == y[0] and np.array_equal(x[1], y[1]) for x, y in zip(a, b, strict=True))
