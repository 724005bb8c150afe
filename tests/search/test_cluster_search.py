"""A search on a cluster of Ray with a machine of its own for timing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fake_search
from fake_search import candidates, measure, noted, photos, train, uninterrupted
from thinlens.search import search


@pytest.fixture
def address() -> Any:
    """Of a cluster with two processors, and a second machine that has none but a clock."""
    from ray import cloudpickle
    from ray.cluster_utils import Cluster

    cloudpickle.register_pickle_by_value(fake_search)  # workers do not find the tests
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    cluster.add_node(num_cpus=0, resources={"clock": 1})
    yield cluster.address
    cluster.shutdown()
    cloudpickle.unregister_pickle_by_value(fake_search)


@pytest.mark.slow
def test_training_goes_on_while_another_machine_times(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_search, "SECONDS", 0.8)  # the other machine's first worker takes its time
    data = photos(tmp_path / "photos")
    options: dict[str, Any] = {"against": [], "cluster": address, "train": train, "measure": measure}
    with pytest.raises(ValueError, match="timing needs a machine of its own, begun with: ray start --address"):
        search(tmp_path / "out", data, candidates(), timing="watch", **options)
    with pytest.raises(ValueError, match="no machine of the cluster has 1 processors and 0.5 of a GPU"):
        search(tmp_path / "out", data, candidates(), gpus=0.5, **options)
    rows = search(tmp_path / "out", data, candidates(), timing="clock", **options)
    assert {row.key: row.without_times() for row in rows} == uninterrupted()
    order = [what.startswith("timed-") for what, _ in noted(tmp_path / "out")]
    assert order.index(True) < len(order) - 1 - order[::-1].index(False)  # some was trained after some was timed
    timed = {process for what, process in noted(tmp_path / "out") if what.startswith("timed-")}
    trained = {process for what, process in noted(tmp_path / "out") if not what.startswith("timed-")}
    assert not timed & trained
