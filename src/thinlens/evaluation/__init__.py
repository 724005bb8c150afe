"""Scores and speed of models, taken through the calls that users make."""

from .protocol import ImageScore, Protocol, Score, evaluate
from .speed import Speed, Timing, benchmark

__all__ = ["ImageScore", "Protocol", "Score", "Speed", "Timing", "benchmark", "evaluate"]
