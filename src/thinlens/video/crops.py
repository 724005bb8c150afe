"""What an encoder for films leaves of pictures: many small ones side by side, as a short film of them all."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray


def through_h264(frames: Sequence[NDArray[np.uint8]], crf: float) -> list[NDArray[np.uint8]]:
    """Frames `(H, W, 3)` uint8 RGB, of even sides, as x264 leaves them at a constant quality, in 4:2:0.

    It does not always leave the same of the same frames.

    Raises ImportError without PyAV.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise ImportError("compressing as films are needs PyAV: pip install 'thinlens[video]'") from None

    height, width = frames[0].shape[:2]
    file = BytesIO()
    with av.open(file, "w", format="nut") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {
            "crf": f"{crf:g}",
            "preset": "fast",
            "trellis": "0",
            "bf": "2",
        }  # trellis: not always the same
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24").reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r", format="nut") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
