"""Training pairs, the degradation that makes them, and the benchmark sets."""
