"""The search: a pool of configurations, each trained, scored and timed, to the front of quality against speed."""

from .pool import Candidate, pool
from .real_run import REAL_RUN
from .recipes import RUNGS, shortened_recipe

__all__ = ["REAL_RUN", "RUNGS", "Candidate", "pool", "shortened_recipe"]
