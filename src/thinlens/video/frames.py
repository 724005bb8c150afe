"""Frames as planes of stored samples: arrays `(H, W)` uint8 or uint16 that look into a frame's own memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[Any]
"""`(H, W)` uint8, or uint16 of which the lowest bits are in use, as stored."""

PLANAR = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "p010le": "yuv420p10le",
    "p012le": "yuv420p12le",
    "p210le": "yuv422p10le",
    "p410le": "yuv444p10le",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "yuvj420p": "yuv420p",
    "yuvj422p": "yuv422p",
    "yuvj444p": "yuv444p",
    "yuvj440p": "yuv440p",
    "rgb24": "gbrp",
    "bgr24": "gbrp",
    "rgb0": "gbrp",
    "bgr0": "gbrp",
    "0rgb": "gbrp",
    "0bgr": "gbrp",
    "rgba": "gbrap",
    "bgra": "gbrap",
    "argb": "gbrap",
    "abgr": "gbrap",
    "pal8": "gbrap",
    "x2rgb10le": "gbrp10le",
}
"""The planar format with the same samples, for packed ones and for those that only say their range in their name."""


@dataclass(frozen=True)
class Layout:
    """What the planes of a planar format are: for each its kind, `luma`, `chroma` or `alpha`.

    Red, green and blue count as luma: each goes through the network by itself. `across` and `down` are how many luma
    samples a chroma sample stands for.
    """

    name: str
    kinds: tuple[str, ...]
    bits: int
    across: int
    down: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the samples."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    def shape(self, kind: str, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of a plane of a picture of this size."""
        if kind != "chroma":
            return height, width
        return -(-height // self.down), -(-width // self.across)


def layout_of(format: str) -> Layout:
    """The layout that frames of a pixel format get. Raises ValueError, in a sentence, for one that has none."""
    import av

    name = PLANAR.get(format, format)
    try:
        kind = av.VideoFormat(name)
    except ValueError:
        raise ValueError(f"unknown pixel format {format!r}; ffmpeg -pix_fmts lists them") from None
    components = sorted(kind.components, key=lambda component: component.plane)
    bits = components[0].bits
    planes = [component.plane for component in components]
    if kind.is_big_endian or kind.has_palette or planes != list(range(len(planes))) or not 8 <= bits <= 16:
        raise ValueError(f"frames of the pixel format {format} are not taken; convert the film to yuv420p first")
    if kind.padded_bits_per_pixel / bits > 16 and "f32" in name:
        raise ValueError(f"frames of the pixel format {format} are not taken; convert the film to yuv420p first")
    rgb = kind.is_rgb
    kinds = tuple("alpha" if c.is_alpha else "luma" if rgb or c.plane == 0 else "chroma" for c in components)
    across, down = (1, 1)
    if "chroma" in kinds:
        across, down = 64 // (kind.chroma_width(64) or 64), 64 // (kind.chroma_height(64) or 64)
    return Layout(name, kinds, bits, across, down)


def planar(frame: Any, layout: Layout) -> Any:
    """A frame with its samples in planes; the same frame if it has them so."""
    name = frame.format.name
    if name == layout.name or (PLANAR.get(name) == layout.name and name.startswith("yuvj")):
        return frame
    return frame.reformat(format=layout.name)


def planes(frame: Any, layout: Layout) -> list[Plane]:
    """The planes of a frame, writable, which must not outlive it."""
    width, height, dtype = frame.width, frame.height, layout.dtype
    return [
        np.ndarray(layout.shape(kind, width, height), dtype, plane, 0, (plane.line_size, dtype.itemsize))
        for kind, plane in zip(layout.kinds, frame.planes, strict=True)
    ]


def empty(layout: Layout, width: int, height: int) -> Any:
    """A new frame."""
    import av

    return av.VideoFrame(width, height, layout.name)
