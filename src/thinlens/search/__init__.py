"""The search: a pool of configurations, each trained, scored and timed, to the front of quality against speed."""

from .adaptive import Adaptive
from .driver import Status, search
from .pool import Candidate, candidate, pool
from .real_run import REAL_RUN
from .recipes import RUNGS, shortened_recipe
from .row import Row, Timed, Trained, Trial
from .strategy import Grid
from .table import Table
from .work import Settings

__all__ = [
    "REAL_RUN",
    "RUNGS",
    "Adaptive",
    "Candidate",
    "Grid",
    "Row",
    "Settings",
    "Status",
    "Table",
    "Timed",
    "Trained",
    "Trial",
    "candidate",
    "pool",
    "search",
    "shortened_recipe",
]
