"""The whole way of a picture: a model's name to its program, the program to a pipeline, a photo through it and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import models, program, sizes
from .models import CLEAN
from .program import Program
from .sizes import Plan, Size, TargetSize
from .sources import AUTO, Choice, asked, by_content, by_headers, of_file

if TYPE_CHECKING:
    from .color import Look, Lut3d
    from .color.grading import Grading
    from .kernels import Compiled
    from .photo import Details, Encoding, Opened, Photo, Profile, Stage

Model: TypeAlias = str | os.PathLike[str] | Program
IN_ONE_PIECE = 2**28
"""Bytes of an enlarged picture up to which it is made in one piece, which is quicker, rather than in bands."""
BAND, LOWEST_BAND = 2**24, 8
"""Bytes that a band has once enlarged, and the fewest rows of the source that it is made of."""
PictureLike: TypeAlias = Any
"""What `pictures.take` takes: a NumPy array, a PIL image, a tensor on the CPU."""
CUBE = ".cube"
TORCH = (b"PK\x03\x04", b"\x80\x02\x8a\x0a")
"""How the files of torch.save begin: a zip, and what it wrote before 2020."""


@dataclass(frozen=True)
class Done:
    """What was done to a photo: the models that it went through and its size in the end, and the source taken.

    `notes` are sentences about what of the file was not taken, or was damaged.
    """

    plan: Plan
    choice: Choice
    notes: tuple[str, ...] = ()


def upscale(
    picture: PictureLike, scale: float | None = None, model: Model = "balanced", source: str = CLEAN
) -> NDArray[Any]:
    """Make a picture larger; pipelines are built when they are first needed, and kept.

    `picture` is `(H, W)` luma or `(H, W, 3)` RGB, encoded as for display: uint8, uint16 or float32 in [0, 1], of
    any size and strides, or another kind that `pictures.take` knows, with transparency, say. Returns an array of the
    same layout and dtype, `scale` times larger along each side, up to 16 times, or smaller, below 1 (default: 2, or the
    model's own); floats are not clipped. See `load` for models, and `sizes.plan` for how they are chained to reach a
    scale. `source` is what the picture has been through, one of `models.SOURCES`, or "auto", to be seen in the picture;
    at scale 1 a compressed one is cleaned up. A model without weights for it takes those for clean pictures. Raises
    TypeError or ValueError, in a sentence, for any other picture.
    """
    from .pictures import take

    taken = take(picture)
    pixels = taken.pixels
    size, wanted = (pixels.shape[1], pixels.shape[0]), TargetSize(scale=scale)
    plan = sizes.plan(size, scales(model), wanted)
    choice = _offered(model, plan, asked(source) or by_content([pixels], pixels.shape))
    plan = sizes.plan(size, scales(model, choice.source), wanted)
    if taken.alpha is not None:
        from .photo import Photo

        photo = upscale_photo(Photo(pixels, taken.alpha), plan, model, source=choice.source)
        return taken.as_given(photo.pixels, photo.alpha)
    for each in _programs(model, plan, choice.source):
        pixels = compile(each).apply(pixels)
    if pixels.shape[1::-1] != plan.size:
        from .photo import resize

        pixels = resize(pixels, plan.size)
    return taken.as_given(pixels)


def enhance(picture: PictureLike, model: Model | Lut3d = models.ENHANCE, strength: float = 1.0) -> NDArray[Any]:
    """Give a picture the colors that a model chooses for it.

    `picture` is `(H, W)` gray or `(H, W, 3)` RGB, sRGB-encoded: uint8, uint16 or float32 in [0, 1], of any size and
    strides, or another kind that `pictures.take` knows, but no mask. Returns an array of the same layout and dtype;
    floats are not clipped, gray stays gray, and transparency what it is. `strength` is how much of
    the change is done, from 0 to 1. See `grading` for models. Raises TypeError or ValueError for any other picture.
    """
    from .pictures import take

    taken = take(picture, "thinlens.enhance_file")
    if taken.given.dtype == np.bool_:
        raise TypeError("a mask has no colors to enhance: give the picture that it belongs to")
    pixels = taken.pixels
    return taken.as_given(grading(model, strength).look([pixels], pixels.shape)(pixels), taken.alpha)


def grading(model: Model | Lut3d = models.ENHANCE, strength: float = 1.0) -> Grading:
    """What is done to colors by a model of `load` that chooses a table for each photo, or by a table or .cube file."""
    from .color import Look, Lut3d
    from .color.grading import Grading

    if not isinstance(model, Lut3d):
        if isinstance(model, Program) or Path(model).suffix.lower() != CUBE:
            return Grading(load(model), strength)
        model = Lut3d.read(model)
    return Grading(Look(model, strength=strength))


def look_of(
    source: str | os.PathLike[str], grading: Grading, limit: float | None = None, keep_damaged: bool = False
) -> Look:
    """The look that a photo file gets. Raises OSError or ValueError if it cannot be read."""
    from .photo import LIMIT, open_photo

    opened = open_photo(source, LIMIT if limit is None else limit, keep_damaged=keep_damaged)
    return _look(grading, opened.details, opened.bands(_rows(opened, 1)), opened.shape)


def common_look(
    sources: Sequence[str | os.PathLike[str]], grading: Grading, limit: float | None = None, keep_damaged: bool = False
) -> Look:
    """One look for several photo files, without those that cannot be read; if none can, the first error is raised."""
    from .color import mean

    looks: list[Look] = []
    errors: list[Exception] = []
    for source in sources:
        try:
            looks.append(look_of(source, grading, limit, keep_damaged))
        except (OSError, ValueError) as error:  # the others are not to suffer; each is told when its turn comes
            errors.append(error)
    if errors and not looks:
        raise errors[0]
    return mean(looks)


def upscale_photo(
    photo: Photo, plan: Plan, model: Model = "balanced", grading: Grading | None = None, source: str = CLEAN
) -> Photo:
    """Make a photo larger, its transparency by bicubic interpolation; metadata and resolution stay what they are.

    With a grading it gets other colors first. The model must have weights for the source.
    """
    from dataclasses import replace

    from .photo import resize_photo, split, stack

    samples = stack(photo.pixels, photo.alpha)
    look = grading and _look(grading, photo, [samples], samples.shape)
    color, transparent = photo.pixels.ndim == 3, photo.alpha is not None
    for stage in _stages(_programs(model, plan, source), color, transparent, look and _carried(look, photo, color)):
        samples = stage.apply(samples)
    pixels, alpha = split(samples)
    return resize_photo(replace(photo, pixels=pixels, alpha=alpha), plan.size)


def upscale_file(
    original: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: Model = "balanced",
    scale: float | None = None,
    size: Size | None = None,
    width: int | None = None,
    height: int | None = None,
    fit: Size | None = None,
    long_side: int | None = None,
    limit: float | None = None,
    source: str = AUTO,
    keep_damaged: bool = False,
    quality: int | None = None,
    lossless: bool = False,
) -> Done:
    """Make a photo file larger; how large is said in one way, as `sizes.TargetSize` has them.

    `quality`, 1 to 100, is for JPEG, WebP and AVIF, `lossless` for WebP and AVIF. See `upscale_file_to` for all else.
    """
    return upscale_file_to(
        *(original, target, TargetSize(scale, size, width, height, fit, long_side)),
        model=model,
        limit=limit,
        source=source,
        keep_damaged=keep_damaged,
        encoding=_encoding(quality, lossless),
    )


def enhance_file(
    original: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: Model | Lut3d = models.ENHANCE,
    strength: float = 1.0,
    limit: float | None = None,
    keep_damaged: bool = False,
    quality: int | None = None,
    lossless: bool = False,
) -> Done:
    """Give a photo file the colors that a model or a table chooses for it. See `grading` and `upscale_file`."""
    return upscale_file_to(
        *(original, target, TargetSize(scale=1)),
        limit=limit,
        grading=grading(model, strength),
        source=CLEAN,
        keep_damaged=keep_damaged,
        encoding=_encoding(quality, lossless),
    )


def upscale_file_to(
    original: str | os.PathLike[str],
    target: str | os.PathLike[str],
    wanted: TargetSize,
    *,
    model: Model = "balanced",
    limit: float | None = None,
    grading: Grading | None = None,
    source: str = AUTO,
    keep_damaged: bool = False,
    encoding: Encoding | None = None,
) -> Done:
    """Make a photo file larger; the target's name says its format, and it appears whole or not at all.

    `source` is what the photo has been through, one of `models.SOURCES`, or "auto": what the file says, or else what is
    seen in it. With a grading it gets other colors first, and at scale 1 nothing else if it is clean.

    Neither photo nor result may have more than `limit` megapixels (None: `photo.LIMIT`). Large photos go through in
    bands, with the same result. Of a damaged file `keep_damaged` takes what can be read, with a note. `encoding` is how
    the result is compressed, None for as usual. Returns what was done. Raises OSError or ValueError with a sentence for
    the user where a file cannot be read or written.
    """
    from .photo import LIMIT, USUAL, check_megapixels, check_size, check_target, open_photo, write

    encoding = encoding or USUAL
    offered = scales(model)
    choice = asked(source)
    if Path(target).exists() and Path(target).samefile(original):
        raise ValueError(f"{target} is the photo to enlarge itself; give the result another name")
    check_target(target, encoding)
    limit = LIMIT if limit is None else limit
    opened = open_photo(original, limit, keep_damaged=keep_damaged)
    plan = sizes.plan(opened.size, offered, wanted)
    check_megapixels(target, plan.size, limit)
    check_size(target, plan.size)
    whole = opened.bytes * plan.enlarged**2 <= IN_ONE_PIECE
    photo = opened.read() if whole else None
    if choice is None:
        choice = of_file(by_headers(original), lambda: _seen(original, photo, limit, keep_damaged))
    choice = _offered(model, plan, choice)
    plan = sizes.plan(opened.size, scales(model, choice.source), wanted)
    if photo is not None:
        write(upscale_photo(photo, plan, model, grading, choice.source), target, encoding)
    else:
        look = grading and look_of(original, grading, limit, keep_damaged)
        _stream(opened, plan, model, target, look, choice.source, encoding)
    return Done(plan, choice, opened.notes)


def _encoding(quality: int | None, lossless: bool) -> Encoding:
    from .photo import Encoding

    return Encoding(quality, lossless)


def scales(model: Model = "balanced", source: str = CLEAN) -> tuple[int, ...]:
    """The scales that a model offers for a source: all of a preset, else its own; 1 is to clean up."""
    if not isinstance(model, Program) and models.named(str(model)):
        return (1, *models.SCALES) if source in models.sources(str(model), 1) else models.SCALES
    loaded = load(model)
    if loaded.adaptive:
        raise ValueError(f"{loaded.name} changes colors, it does not enlarge: give it to thinlens enhance")
    return (loaded.scale,)


def load(model: Model = "balanced", scale: float | None = None, source: str = CLEAN) -> Program:
    """The program of a name (fast, balanced, fine, best, lut), of a released id, or in a program file.

    Without a scale it is 2 for a preset and the model's own for all else; `source` is one of `models.SOURCES`, of which
    released models have weights for some. Raises ValueError for an unknown model, for a file that is no program, and
    for a model that has another scale or no weights for the source.
    """
    if not isinstance(model, str | os.PathLike | Program):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a model is a name, a program file or a Program, got {type(model).__name__}")
    scale = None if scale is None else sizes.whole("scale", scale)
    if isinstance(model, Program):
        loaded = model
    elif models.named(str(model)):
        loaded = _read(models.path(str(model), 2 if scale is None else scale, source))
    elif _is_file(model):
        loaded = _read(Path(model))
    else:
        loaded = _read(models.path(str(model), source=source))
    if scale not in (None, loaded.scale):
        other = models.at_scale(loaded.name, scale)
        fix = f"take {other}" if other else "leave the scale out or change it"
        raise ValueError(f"{loaded.name} enlarges {loaded.scale} times, not {scale}; {fix}")
    if source != CLEAN and (isinstance(model, Program) or _is_file(model)):
        raise ValueError(f"{loaded.name} is from a file, which has one set of weights; leave the source out")
    return loaded


def compile(program: Model) -> Compiled:
    """A program, or a model of `load`, as a function on pictures (see `Compiled`), kept for the next time."""
    from . import kernels

    return kernels.compile(load(program))


def _stream(
    opened: Opened,
    plan: Plan,
    model: Model,
    target: str | os.PathLike[str],
    look: Look | None,
    source: str,
    encoding: Encoding,
) -> None:
    """A photo of any size, in bands that are never together in memory; the result is that of `upscale_photo`."""
    from .photo import in_bands, write_bands

    height, *rest = opened.shape
    bands = opened.bands(_rows(opened, plan.enlarged))
    carried = look and _carried(look, opened.details, opened.color)
    for stage in _stages(_programs(model, plan, source), opened.color, opened.transparent, carried):
        bands = in_bands(bands, stage)
    shape = (height * plan.enlarged, rest[0] * plan.enlarged, *rest[1:])
    write_bands(bands, shape, opened.dtype, target, plan.size, opened.details, encoding)


def _rows(opened: Opened, enlarged: int) -> int:
    """How many rows of a photo a band has."""
    return max(LOWEST_BAND, BAND * opened.shape[0] // (opened.bytes * enlarged**2))


def _look(grading: Grading, details: Photo | Details, bands: Iterable[NDArray[Any]], shape: tuple[int, ...]) -> Look:
    """The look that a grading gives a photo, which comes in bands with alpha as their last channel."""
    return grading.look(bands, shape, _profile(details, color=len(shape) == 3 and shape[2] >= 3))


def _carried(look: Look, details: Photo | Details, color: bool) -> Look:
    """A look for photos of sRGB as one for the profile of a photo."""
    return look.carried_over(_profile(details, color))


def _profile(details: Photo | Details, color: bool) -> Profile | None:
    from .photo import Profile

    return None if details.profile is None else Profile(details.profile, 3 if color else 1)


def _stages(programs: list[Program], color: bool, transparent: bool, look: Look | None) -> list[Stage]:
    """What happens to the pixels of a photo, with alpha as their last channel, one after the other."""
    from .photo import BLEED, Stage

    first = [] if look is None else [Stage(_Colors(look), 0, 1)]
    if first and not programs:
        return first
    forms = [program.color if color else program for program in programs]
    halos = [max(form.halo, form.uint8.halo if form.uint8 else 0) for form in forms]
    if not transparent:
        return [*first, *(Stage(compile(p).apply, halo, p.scale) for p, halo in zip(programs, halos, strict=True))]
    apart = [_ColorsAndAlpha(compile(p), compile(program.bicubic(p.scale))) for p in programs]
    return [*first, BLEED, *(Stage(a, max(h, 2), p.scale) for a, h, p in zip(apart, halos, programs, strict=True))]


@dataclass(frozen=True)
class _Colors:
    """Colors with a look, alpha, if it is the last channel, as it is."""

    look: Look

    def __call__(self, samples: NDArray[Any]) -> NDArray[Any]:
        from .photo import split, stack

        pixels, alpha = split(samples)
        return stack(self.look(pixels), alpha)


@dataclass(frozen=True)
class _ColorsAndAlpha:
    """Colors and alpha, the last channel, each through a pipeline of its own."""

    colors: Compiled
    alpha: Compiled

    def __call__(self, samples: NDArray[Any]) -> NDArray[Any]:
        from .photo import split, stack

        pixels, alpha = split(samples)
        alpha = None if alpha is None else self.alpha.apply(alpha)
        if alpha is not None and alpha.dtype == np.float32:
            alpha = np.clip(alpha, 0, 1)  # nothing is more than opaque, and nothing less than transparent
        return stack(self.colors.apply(pixels), alpha)


def _programs(model: Model, plan: Plan, source: str) -> list[Program]:
    """The programs to go through; what the first has made is clean."""
    return [load(model, scale, CLEAN if index else source) for index, scale in enumerate(plan.chain)]


def _seen(original: str | os.PathLike[str], photo: Photo | None, limit: float, keep_damaged: bool) -> Choice:
    """The source by what is seen in a photo; one that is too large to be had whole is read for it."""
    from .photo import open_photo

    if photo is not None:
        return by_content([photo.pixels], photo.pixels.shape)
    opened = open_photo(original, limit, keep_damaged=keep_damaged)
    return by_content(opened.bands(_rows(opened, 1)), opened.shape)


def _offered(model: Model, plan: Plan, choice: Choice) -> Choice:
    """The choice, or clean, with the reason, if the model has no weights for it."""
    if choice.source == CLEAN:
        return choice
    loose = isinstance(model, Program) or _is_file(model)
    scale = plan.chain[0] if plan.chain else 1
    if not loose and choice.source in models.sources(str(model), scale):
        return choice
    name = model.name if isinstance(model, Program) else Path(model).name
    why = f"{name} has no weights for {choice.source}" + (f" at scale {scale}" if models.named(str(model)) else "")
    return Choice(CLEAN, why if choice.asked else f"{choice.why}, but {why}")


def _is_file(model: str | os.PathLike[str] | Program) -> bool:
    """Whether a model is given by the name of a file, not by its own."""
    return not isinstance(model, Program) and (Path(model).suffix != "" or len(Path(model).parts) > 1)


def _read(path: Path) -> Program:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is a folder, not a model" if path.is_dir() else f"{path} does not exist")
    status = path.stat()
    return _read_unchanged(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _read_unchanged(path: Path, _modified: int, _size: int) -> Program:
    with open(path, "rb") as file:
        start = file.read(4)
    if start in TORCH:
        raise ValueError(f"{path} is a torch checkpoint, not a program; run: thinlens convert {path} -o PROGRAM")
    return program.load(path)
