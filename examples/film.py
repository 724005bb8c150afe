"""A part of a film twice as large, with progress: `python examples/film.py FILM RESULT.mkv`.

Run it again after it was stopped, however: it goes on where it was.
"""

from __future__ import annotations

import sys

from thinlens import films
from thinlens.sizes import TargetSize


def main() -> None:
    """Ten seconds from the first minute on, in HEVC, with all sound and subtitles."""
    options = films.Options(TargetSize(scale=2), model="fast", codec="hevc", start=60, duration=10)

    def show(done: int, of: int) -> None:
        print(f"\r{done} of {of} frames", end="", file=sys.stderr)

    work = films.upscale_film(sys.argv[1], sys.argv[2], options, show)
    width, height = work.making.size
    print(f"\n{work.target}: {width}x{height}, weights: {work.choice}", file=sys.stderr)


if __name__ == "__main__":
    main()
