"""FFmpeg's filter lut3d, through PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


def lut3d(picture: NDArray[np.uint8], path: Path, interpolation: str) -> NDArray[np.uint8]:
    """A picture `(H, W, 3)` uint8 through the table of a .cube file."""
    graph: Any = av.filter.Graph()
    source = graph.add_buffer(
        width=picture.shape[1], height=picture.shape[0], format="rgb24", time_base=Fraction(1, 25)
    )
    applied = graph.add("lut3d", f"file={path}:interp={interpolation}")
    sink = graph.add("buffersink")
    source.link_to(applied)
    applied.link_to(sink)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts = 0
    graph.push(frame)
    return graph.pull().to_ndarray(format="rgb24")
