"""How far the forms of one network may be apart: torch, the NumPy reference, pipelines, exporters.

Float pictures in parts of the full range, stored integers in levels.
"""

TORCH = 1e-5
"""The module against its lowered program."""
PUBLISHED = 2e-5
"""A published network against the pipeline of its converted weights."""
FLOAT = 1e-5
"""A pipeline or an exporter against the reference, float32."""
LEVELS = 1
"""The same for uint8 and uint16 pictures through float arithmetic: a tie may round either way."""
INTEGER = 0
"""Integer programs are exact."""
