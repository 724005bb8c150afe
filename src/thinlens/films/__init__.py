"""The whole way of a film: luma through a model, chroma by bicubic interpolation, all else as it was.

`prepare` decides all that can be before a frame is decoded and gives a `Work`; its segments are made, here or by
workers, and joined. `upscale_film` does all of it.
"""

from .enlarging import Enlarger, enlarger
from .grading import find_shots, regrader
from .planning import Options, plan_of
from .upscaling import SUFFIXES, Progress, films_kind, preview, upscale_film, upscale_films
from .work import (
    EXTRA,
    Work,
    check_installed,
    check_target,
    finish,
    folder_of,
    made_here,
    make_one,
    prepare,
    with_shots,
)

__all__ = [
    "EXTRA",
    "SUFFIXES",
    "Enlarger",
    "Options",
    "Progress",
    "Work",
    "check_installed",
    "check_target",
    "enlarger",
    "films_kind",
    "find_shots",
    "finish",
    "folder_of",
    "made_here",
    "make_one",
    "plan_of",
    "prepare",
    "preview",
    "regrader",
    "upscale_film",
    "upscale_films",
    "with_shots",
]
