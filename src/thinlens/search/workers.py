"""Workers: trials as plain tasks of Ray, many trainings side by side, timing one at a time.

Ray Tune is left out: what it adds, samplers and schedulers beside its own files, is a page here (`adaptive`), and a
search has one table that the driver alone writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ..cluster import ATTEMPTS, LOCAL, connect
from .row import Row, Timed, Trained, Trial
from .work import Settings

Train: TypeAlias = Callable[[Trial, Settings], Trained]
Measure: TypeAlias = Callable[[Row, Settings, Sequence[str]], Timed]
Task: TypeAlias = Any
"""A reference to the result of a task of Ray."""


class Workers:
    """A cluster of Ray, or one of this machine for as long as the search takes. A context manager.

    Each training has `cpus` processors and `gpus` graphics processors, which may be a fraction; `most` limits how many
    there are at a time. `timing` names a resource of the machine that times and does nothing else; without, the machine
    of the driver does, when nothing is trained. Raises ImportError without Ray, ConnectionError where there is no
    cluster, ValueError where it has no such machine or cannot train.
    """

    def __init__(
        self,
        address: str = LOCAL,
        *,
        cpus: int = 1,
        gpus: float = 0.0,
        most: int | None = None,
        timing: str | None = None,
    ) -> None:
        try:
            import ray
        except ModuleNotFoundError:
            raise ImportError("a search needs ray: pip install 'thinlens[search]'") from None
        self._ray: Any = ray
        self.apart = timing is not None
        self._training: dict[str, Any] = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": ATTEMPTS - 1}
        connect(address)
        try:
            self.slots = min(self._places(cpus, gpus), most or 10**9)
            self._timing = self._one_machine(timing)
        except ValueError:
            ray.shutdown()
            raise

    def train(self, function: Train, trial: Trial, settings: Settings) -> Task:
        """Begin a training."""
        return self._ray.remote(**self._training)(function).remote(trial, settings)

    def measure(self, function: Measure, row: Row, settings: Settings, engines: Sequence[str]) -> Task:
        """Begin to time."""
        return self._ray.remote(**self._timing)(function).remote(row, settings, tuple(engines))

    def finished(self, tasks: Iterable[Task], seconds: float) -> list[Task]:
        """Some of the tasks that are done, after so many seconds at most."""
        done, _ = self._ray.wait(list(tasks), timeout=seconds)
        return done

    def result(self, task: Task) -> Any:
        """What a finished task returned, or in a sentence why it failed."""
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            return " ".join(f"{type(cause).__name__}: {cause}".split())
        except self._ray.exceptions.RayError as error:
            return f"its worker was lost {ATTEMPTS} times ({type(error).__name__})"

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def _places(self, cpus: int, gpus: float) -> int:
        """How many trainings find a place at a time."""
        there = self._ray.cluster_resources()
        places = int(there.get("CPU", 0) // cpus) if cpus else 10**9
        if gpus:
            places = min(places, int(there.get("GPU", 0) / gpus + 1e-9))
        if places < 1:
            wanted = f"{cpus} processors" + (f" and {gpus:g} of a GPU" if gpus else "")
            raise ValueError(f"no machine of the cluster has {wanted} for a training; give less with --cpus or --gpus")
        return places

    def _one_machine(self, resource: str | None) -> dict[str, Any]:
        """Options of the tasks that time: where, with all processors of that machine."""
        if resource is None:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            node = self._ray.get_runtime_context().get_node_id()
            place: dict[str, Any] = {"num_cpus": 1, "scheduling_strategy": NodeAffinitySchedulingStrategy(node, False)}
        else:
            machines = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get(resource)]
            if not machines or any(node["Resources"].get("CPU") for node in machines):
                raise ValueError(
                    f"timing needs a machine of its own, begun with: ray start --address ADDRESS --num-cpus 0 "
                    f"--resources '{{\"{resource}\": 1}}'"
                )
            place = {"num_cpus": 0, "resources": {resource: 1}}
        processors = self._ray.get(self._ray.remote(**place)(_processors).remote())
        threads = {"HL_NUM_THREADS": str(processors)}  # as many as there are, of which timing takes what it is told
        return {**place, "max_retries": ATTEMPTS - 1, "runtime_env": {"env_vars": threads}}


def _processors() -> int:
    return os.cpu_count() or 1
