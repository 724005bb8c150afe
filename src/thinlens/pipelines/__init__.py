"""Programs as Halide pipelines; build decides which form a program gets. `kernels` keeps, loads, calls the result."""

FUNCTION = "thinlens_kernel"
"""The name of the function in every object that a pipeline becomes."""
