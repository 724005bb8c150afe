"""The state of an unfinished run beside its output, so that it goes on where it was interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save as to_bytes
from torch import Tensor

from .. import checkpoint
from ..files import write_whole

FORMAT = "thinlens training state 1"
INTERVAL = 20.0
"""Seconds between two savings."""


@dataclass
class StateFile:
    """Where the state of a run is kept; `key` names the recipe and the data that it belongs to."""

    path: Path
    key: str
    saved_at: float = 0.0

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and numbers of the last saving, None if there was none. Raises ValueError if another run's."""
        if not self.path.exists():
            return None
        tensors, header = checkpoint.read(self.path)
        if header.get("format") != FORMAT or header.get("key") != self.key:
            raise ValueError(
                f"{self.path} is the state of a run with another recipe or other photos; delete it, or do not resume"
            )
        return tensors, json.loads(header["numbers"])

    @property
    def due(self) -> bool:
        """Whether the last saving is some seconds ago."""
        return time.monotonic() - self.saved_at >= INTERVAL

    def save(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Save; the file is replaced whole."""
        header = {"format": FORMAT, "key": self.key, "numbers": json.dumps(dict(numbers))}
        whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        write_whole(to_bytes(whole, header), self.path, durable=False)
        self.saved_at = time.monotonic()

    def remove(self) -> None:
        """Forget the run: it is finished."""
        self.path.unlink(missing_ok=True)
