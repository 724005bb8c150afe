"""Scores and speed of models, taken through the calls that users make."""

from .protocol import ImageScore, Protocol, Score, evaluate

__all__ = ["ImageScore", "Protocol", "Score", "evaluate"]
