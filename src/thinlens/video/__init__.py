"""Films: streams in, planes out and back, tags and times. The only place that knows PyAV, and no network is known here.

`open_film` finds out what a film is, `make` enlarges and encodes segments of it, `join` puts them and all other streams
of the source into one file.
"""

from .encoding import CODECS, FORMATS, Settings, lost, settings
from .film import DamagedError, Film, Times, open_film, open_pipe
from .frames import Layout, Plane, layout_of
from .joining import Kept, check_streams, join
from .making import Enlarge, Making, Regrade, enlarged, make, moment
from .segments import SECONDS, Folder, Segment, cut, remove_others
from .tags import Tags

__all__ = [
    "CODECS",
    "FORMATS",
    "SECONDS",
    "DamagedError",
    "Enlarge",
    "Film",
    "Folder",
    "Kept",
    "Layout",
    "Making",
    "Plane",
    "Regrade",
    "Segment",
    "Settings",
    "Tags",
    "Times",
    "check_streams",
    "cut",
    "enlarged",
    "join",
    "layout_of",
    "lost",
    "make",
    "moment",
    "open_film",
    "open_pipe",
    "remove_others",
    "settings",
]
