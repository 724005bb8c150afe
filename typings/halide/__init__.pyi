# Halide's Python module is compiled and has no stubs.
from typing import Any

def __getattr__(name: str) -> Any: ...
