"""Ids, published files, and the crossing from module to program, for every family."""

import numpy as np
import pytest
import torch

from thinlens import bake, nets
from thinlens.nets import (
    adaptive_lut3d,
    bicubic,
    ec_lut,
    ecbsr,
    ecbsr_dysample,
    edge_sr,
    espcn,
    esr_cnn,
    fsrcnn,
    lut,
    sr_lut,
)
from thinlens.program import reference

IDS = [
    "Bicubic_s2",
    "Bicubic_s3",
    "eSR-MAX_s2_K3_C1",
    "eSR-MAX_s4_K7_C16",
    "eSR-TM_s3_K5_C4",
    "eSR-TR_s2_K7_C13",
    "eSR-TR_s4_K3_C2",
    "SR-LUT-S_s3",
    "SR-LUT-V_s4",
    "EC-LUT_s2",
    "EC-LUT_s4_block",
    "EC-LUT_s3_block_second",
]


CONFIGS = {
    "Bicubic_s3": bicubic.Config(scale=3),
    "eSR-MAX_s4_K7_C16": edge_sr.Config(scale=4, kind="MAX", kernel=7, channels=16),
    "eSR-TM_s3_K5_C4": edge_sr.Config(scale=3, kind="TM", kernel=5, channels=4),
    "eSR-TR_s2_K7_C13": edge_sr.Config(scale=2, kind="TR", kernel=7, channels=13),
    "eSR-CNN_s2_C4_D3_S6": esr_cnn.Config(scale=2, channels=4, first=3, second=6),
    "eSR-CNN_s3_C2_D0_S5": esr_cnn.Config(scale=3, channels=2, first=0, second=5),
    "ESPCN_s3_D16_S32": espcn.Config(scale=3, first=16, second=32),
    "ESPCN_s4_D0_S9": espcn.Config(scale=4, first=0, second=9),
    "FSRCNN_s8_D56_S12_M0": fsrcnn.Config(scale=8, features=56, shrunk=12, mappings=0),
    "ECBSR_s2_M4_C16": ecbsr.Config(scale=2, blocks=4, channels=16, activation="prelu", identity=False),
    "ECBSR_s3_M0_C8_identity": ecbsr.Config(scale=3, blocks=0, channels=8, activation="prelu", identity=True),
    "ECBSR_s2_M4_C16_relu": ecbsr.Config(scale=2, blocks=4, channels=16, activation="relu", identity=False),
    "ECBSR_s2_M1_C3_rrelu_identity": ecbsr.Config(scale=2, blocks=1, channels=3, activation="rrelu", identity=True),
    "SR-LUT-S_s4": sr_lut.Config(scale=4, kind="S"),
    "SR-LUT-V_s2": sr_lut.Config(scale=2, kind="V"),
    "EC-LUT_s4": ec_lut.Config(scale=4, step="pixel", neighbor="below"),
    "EC-LUT_s4_block": ec_lut.Config(scale=4, step="block", neighbor="below"),
    "LUT_s2_K5_C8": lut.Config(scale=2, kernel=5, maps=8),
    "EC-LUT_s3_diagonal": ec_lut.Config(scale=3, step="pixel", neighbor="diagonal"),
    "ECBSR-DySample_s2_M4_C16": ecbsr_dysample.Config(scale=2, blocks=4, channels=16),
    "LUT3D_N3_S33": adaptive_lut3d.Config(tables=3, size=33),
    "LUT3D_N1_S2_unpaired": adaptive_lut3d.Config(tables=1, size=2, predictor="unpaired"),
    "LUT3D_N8_S17_statistics": adaptive_lut3d.Config(tables=8, size=17, predictor="statistics"),
}


@pytest.mark.parametrize("identifier", CONFIGS)
def test_the_id_is_the_text_of_the_config(identifier: str) -> None:
    assert nets.parse(identifier) == CONFIGS[identifier]
    assert str(CONFIGS[identifier]) == identifier
    assert type(nets.build(CONFIGS[identifier])) is nets.FAMILIES[type(CONFIGS[identifier])]


def test_every_family_has_an_id_above() -> None:
    assert {type(config) for config in CONFIGS.values()} == set(nets.FAMILIES)


@pytest.mark.parametrize("identifier", ["", "fast", "eSR-MAX_s2_K3", "eSR-XX_s2_K3_C1", "eSR-MAX_s2_K3_C1.model"])
def test_an_unknown_id_is_answered_with_examples(identifier: str) -> None:
    with pytest.raises(ValueError, match="is not the id of a network; ids look like Bicubic_s2, eSR-MAX_s2_K3_C2"):
        nets.parse(identifier)


@pytest.mark.parametrize("identifier", IDS)
@pytest.mark.parametrize("padding", ["zero", "edge"])
def test_the_program_computes_what_the_module_computes(identifier: str, padding: nets.Padding) -> None:
    torch.manual_seed(1)
    module = nets.build(nets.parse(identifier), padding)
    program = nets.lower(module)
    assert program.name == identifier
    for shape in [(1, 1), (2, 9), (13, 6)]:
        low = np.random.default_rng(2).random(shape, np.float32)
        with torch.no_grad():
            high = module(torch.from_numpy(low)[None, None])[0, 0].numpy()
        np.testing.assert_allclose(reference.run(program, low), high, atol=2e-6)


def test_fresh_weights_have_a_center_tap_of_one() -> None:
    module = nets.build(nets.parse("eSR-TM_s2_K5_C4"))
    assert (module.filter.weight[:, 0, 2, 2] == 1).all()
    assert module.filter.weight[:, 0, 0, 0].std() > 0


@pytest.mark.parametrize("identifier", ["eSR-CNN_s2_C4_D3_S6", "eSR-CNN_s3_C2_D0_S5"])
def test_layers_before_squared_keys_start_three_times_as_large_as_in_torch(identifier: str) -> None:
    torch.manual_seed(4)
    tensors = nets.build(nets.parse(identifier)).state_dict()
    weights = [value for name, value in tensors.items() if name.endswith("weight")]
    largest = [float(weight.abs().max()) * weight[0].numel() ** 0.5 for weight in weights]  # at most 1 in torch
    assert all(2 < value <= 3 for value in largest[:-1]) and largest[-1] <= 1


def test_bicubic_of_a_ramp_is_a_ramp() -> None:
    module = nets.build(nets.parse("Bicubic_s2"))
    ramp = torch.arange(12.0).repeat(8, 1) / 12
    high = module(ramp[None, None])[0, 0, 8, 6:-6]
    torch.testing.assert_close(high.diff(), torch.full_like(high[1:], 1 / 24), atol=1e-6, rtol=0)


def test_a_published_file_is_read_by_its_name(tmp_path) -> None:
    state = {"filter.weight": torch.randn(2 * 3 * 4, 1, 5, 5)}
    path = tmp_path / "eSR-TM_s2_K5_C3.model"
    torch.save(state, path)
    module = nets.from_published(path)
    assert str(module.config) == "eSR-TM_s2_K5_C3"
    assert module.padding == "zero"
    assert torch.equal(module.filter.weight, state["filter.weight"])


def test_published_tensors_must_fit_the_name(tmp_path) -> None:
    path = tmp_path / "eSR-MAX_s2_K3_C1.model"
    torch.save({"filter.weight": torch.randn(4, 1, 5, 5)}, path)
    with pytest.raises(
        ValueError,
        match=r"does not fit eSR-MAX_s2_K3_C1: tensor 'filter.weight' is \(4, 1, 5, 5\), not \(4, 1, 3, 3\)",
    ):
        nets.from_published(path)
    torch.save({"net.0.weight": torch.randn(4, 1, 3, 3)}, path)
    with pytest.raises(ValueError, match="has no tensor 'filter.weight'"):
        nets.from_published(path)
    torch.save({"filter.weight": torch.full((4, 1, 3, 3), float("nan"))}, path)
    with pytest.raises(ValueError, match="holds values that are not finite"):
        nets.from_published(path)


class Bomb:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("content", [b"", b"not a model", "pickle", "list"])
def test_what_is_no_state_dict_is_refused_and_not_executed(tmp_path, content, capsys) -> None:
    path = tmp_path / "eSR-MAX_s2_K3_C1.model"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(Bomb() if content == "pickle" else [1, 2], path)
    with pytest.raises(ValueError, match="is not a torch state dict"):
        nets.from_published(path)
    assert "executed" not in capsys.readouterr().out


def test_foreign_modules_are_refused() -> None:
    with pytest.raises(TypeError, match="Linear is not a thinlens network"):
        nets.lower(torch.nn.Linear(1, 1))
    with pytest.raises(TypeError, match=r"str is not a thinlens network; build one with nets\.build"):
        nets.build("eSR-MAX_s2_K3_C1")


STARTING = ["eSR-TR_s2_K3_C2", "eSR-CNN_s2_C2_D3_S4", "ESPCN_s2_D0_S4", "ECBSR_s2_M1_C3", "ECBSR_s1_M1_C3_identity"]


@pytest.mark.parametrize("identifier", STARTING)
def test_a_network_starts_from_a_program(identifier: str) -> None:
    config = nets.parse(identifier)
    learned, fresh = (nets.build(config, "edge") for _ in range(2))
    made = bake.fuse(nets.lower(learned))
    fresh.take(made)
    picture = torch.rand(1, 1, 12, 12)
    np.testing.assert_allclose(fresh(picture).detach(), learned(picture).detach(), atol=2e-5)


def test_a_network_starts_from_no_other_program() -> None:
    made = bake.fuse(nets.lower(nets.build(nets.parse("ECBSR_s2_M1_C3"))))
    for identifier in ("ECBSR_s2_M1_C4", "ECBSR_s2_M2_C3", "ESPCN_s2_D0_S4"):
        with pytest.raises(ValueError, match=f"{identifier} cannot start from the program ECBSR_s2_M1_C3"):
            nets.build(nets.parse(identifier)).take(made)
