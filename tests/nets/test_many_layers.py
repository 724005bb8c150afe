"""eSR-CNN, ESPCN, FSRCNN and ECBSR: ids, the module in all its forms, and the files of the authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import thinlens
from equivalence.tolerances import FLOAT, PUBLISHED
from nets.published import block, published, run_block
from programs import picture
from thinlens import nets
from thinlens.bake import fuse
from thinlens.nets import ecbsr, edge_sr
from thinlens.nets.ecbsr import Block
from thinlens.program import Activation, Add, Convolution, Padding, PixelShuffle, SoftmaxSum, reference

SIZES = [(1, 1), (2, 9), (13, 6)]
IDS = [
    "eSR-CNN_s2_C4_D3_S6",
    "eSR-CNN_s3_C2_D0_S5",
    "ESPCN_s2_D4_S6",
    "ESPCN_s3_D0_S3",
    "FSRCNN_s2_D6_S3_M1",
    "FSRCNN_s3_D5_S2_M0",
    "FSRCNN_s4_D7_S1_M2",
    "ECBSR_s2_M1_C4",
    "ECBSR_s3_M0_C3",
    "ECBSR_s2_M1_C4_relu",
    "ECBSR_s4_M1_C2_rrelu",
    "ECBSR_s2_M1_C3_softplus_identity",
    "ECBSR_s3_M2_C9_linear_identity",
]


def pool() -> list[str]:
    """The 1,185 networks of the search of edge-SR."""
    second, wide = (3, 9, 15, 21, 27), (6, 12, 18, 24, 32)
    sizes = [
        *(f"eSR-{kind}_s{{}}_K{k}_C{c}" for kind in ("MAX", "TM", "TR") for k in (3, 5, 7) for c in range(1, 17)),
        *(f"eSR-CNN_s{{}}_C{c}_D{d}_S{s}" for c in (2, 4, 6, 8) for d in (1, 3, 5, 7, 9) for s in (3, 6, 9, 12, 15)),
        *(f"ESPCN_s{{}}_D{d}_S{s}" for d in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11) for s in second),
        *(f"ESPCN_s{{}}_D{d}_S{s}" for d in (4, 8, 12, 16, 22, 28, 34, 40, 52, 64) for s in wide),
        *(f"FSRCNN_s{{}}_D{d}_S{s}_M{m}" for d in (6, 19, 32, 44, 56) for s in (1, 3, 6, 9, 12) for m in (1, 4)),
        "Bicubic_s{}",
    ]
    return [size.format(scale) for scale in (2, 3, 4) for size in sizes]


def test_the_ids_of_the_whole_pool() -> None:
    identifiers = pool()
    assert len(identifiers) == len(set(identifiers)) == 1185
    configs = [nets.parse(identifier) for identifier in identifiers]
    assert [str(config) for config in configs] == identifiers
    assert len(set(configs)) == 1185


def test_the_ids_of_ecbsr() -> None:
    activations, identities = ("", "_relu", "_rrelu", "_softplus", "_linear"), ("", "_identity")
    identifiers = [f"ECBSR_s2_M4_C16{activation}{identity}" for activation in activations for identity in identities]
    configs = [nets.parse(identifier) for identifier in identifiers]
    assert [str(config) for config in configs] == identifiers
    assert len(set(configs)) == 10


@pytest.mark.parametrize(
    "identifier",
    [
        "eSR-CNN_s2_C4_D3",
        "ESPCN_s2_D16",
        "FSRCNN_s2_D56_S12",
        "ECBSR_s2_M4",
        "ECBSR_s2_M4_C16_prelu",
        "ECBSR_s2_M4_C16_gelu",
        "ECBSR_s2_M4_C16_identity_relu",
        "ESPCN_s2_D-1_S3",
        "FSRCNN_s2_S12_D56_M4",
    ],
)
def test_what_is_no_id(identifier: str) -> None:
    with pytest.raises(ValueError, match=f"'{identifier}' is not the id of a network; ids look like .*ECBSR_s2_M4_C16"):
        nets.parse(identifier)


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("Bicubic_s0", "Bicubic_s0: the scale must be at least 1"),
        ("eSR-MAX_s2_K4_C1", "eSR-MAX_s2_K4_C1: scale and channels must be at least 1, the kernel odd"),
        ("eSR-TM_s0_K3_C1", "eSR-TM_s0_K3_C1: scale and channels must be at least 1, the kernel odd"),
        ("eSR-TR_s2_K3_C0", "eSR-TR_s2_K3_C0: scale and channels must be at least 1, the kernel odd"),
        ("eSR-CNN_s2_C0_D3_S6", "eSR-CNN_s2_C0_D3_S6: scale, C and S must be at least 1, D at least 0"),
        ("ESPCN_s2_D16_S0", "ESPCN_s2_D16_S0: scale and S must be at least 1, D at least 0"),
        ("FSRCNN_s9_D56_S12_M4", "FSRCNN_s9_D56_S12_M4: scale must be in 1…8, D and S at least 1, M at least 0"),
        ("FSRCNN_s2_D0_S12_M4", "FSRCNN_s2_D0_S12_M4: scale must be in 1…8, D and S at least 1, M at least 0"),
        ("ECBSR_s0_M4_C16", "ECBSR_s0_M4_C16: scale and C must be at least 1, M at least 0"),
        ("ECBSR_s2_M4_C0_relu", "ECBSR_s2_M4_C0_relu: scale and C must be at least 1, M at least 0"),
    ],
)
def test_impossible_sizes(identifier: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        nets.parse(identifier)
    assert str(error.value) == message


def test_impossible_choices() -> None:
    with pytest.raises(ValueError, match="activation must be one of prelu, relu, rrelu, softplus, linear, got 'gelu'"):
        ecbsr.Config(2, 4, 16, "gelu")
    with pytest.raises(ValueError, match="kind must be one of MAX, TM, TR, got 'XX'"):
        edge_sr.Config(2, "XX", 3, 1)


def trained(identifier: str, padding: Padding, seed: int = 1) -> Any:
    """A module whose branches, slopes and biases all count, as they do once it is trained."""
    torch.manual_seed(seed)
    module = nets.build(nets.parse(identifier), padding).eval()
    for name, value in module.named_parameters():
        if name.endswith((".scale", "act.weight")) or value.numel() == 1:
            torch.nn.init.uniform_(value, -0.4, 0.4)
    return module


def run(module: Any, low: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        return module(torch.from_numpy(low)[None, None])[0, 0].numpy()


@pytest.mark.parametrize("identifier", IDS)
@pytest.mark.parametrize("padding", ["zero", "edge"])
def test_module_reference_and_pipeline_compute_the_same(identifier: str, padding: Padding) -> None:
    module = trained(identifier, padding)
    program = nets.lower(module)
    fused = fuse(program)
    compiled = thinlens.compile(fused)
    assert (program.name, program.scale) == (identifier, module.config.scale)
    for seed, (height, width) in enumerate(SIZES):
        low = picture(height, width, False, np.float32, seed)
        wanted = run(module, low)
        assert wanted.shape == (height * program.scale, width * program.scale)
        np.testing.assert_allclose(reference.run(program, low), wanted, rtol=2e-6, atol=4e-6)
        np.testing.assert_allclose(compiled(low), reference.run(fused, low), rtol=FLOAT, atol=FLOAT)


@pytest.mark.parametrize(
    "identifier", ["eSR-CNN_s3_C2_D0_S5", "ESPCN_s2_D4_S6", "FSRCNN_s2_D6_S3_M1", "ECBSR_s2_M1_C4"]
)
@pytest.mark.parametrize("padding", ["zero", "edge"])
def test_onnx_computes_the_same_with_and_without_branches(identifier: str, padding: Padding) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from thinlens.export import onnx_model

    module = trained(identifier, padding)
    low = picture(19, 31, False, np.float32)
    for program in (nets.lower(module), fuse(nets.lower(module))):
        session = onnxruntime.InferenceSession(onnx_model.model(program).SerializeToString())
        (result,) = session.run(None, {"picture": low[None, None]})
        np.testing.assert_allclose(result[0, 0], run(module, low), rtol=FLOAT, atol=FLOAT)


@pytest.mark.parametrize(
    ("identifier", "kinds"),
    [
        ("eSR-CNN_s2_C4_D3_S6", [*[Convolution, Activation] * 2, Convolution, PixelShuffle, SoftmaxSum]),
        ("ESPCN_s2_D0_S3", [Convolution, Activation, Convolution, PixelShuffle, Activation]),
        ("FSRCNN_s2_D6_S3_M1", [*[Convolution, Activation] * 4, Convolution, PixelShuffle]),
        ("ECBSR_s2_M1_C4", [*[Convolution, Activation] * 2, Convolution, Add, PixelShuffle]),
    ],
)
def test_what_a_program_is_made_of(identifier: str, kinds: list[type]) -> None:
    program = fuse(nets.lower(nets.build(nets.parse(identifier))))
    assert [type(op) for op in program.ops] == kinds


@pytest.mark.parametrize(
    ("identifier", "halo"),
    [
        ("FSRCNN_s2_D6_S3_M1", 2 + 1 + 2),
        ("FSRCNN_s3_D6_S3_M0", 2 + 1),
        ("FSRCNN_s4_D6_S3_M4", 2 + 4 + 1),
        ("ESPCN_s2_D0_S3", 2),
        ("eSR-CNN_s2_C4_D3_S6", 4),
        ("ECBSR_s2_M4_C8", 6),
    ],
)
def test_the_halo_follows_from_the_layers(identifier: str, halo: int) -> None:
    """Nine taps of a transposed convolution reach two pixels of the source at scale 2, one at 3 and 4."""
    assert nets.lower(nets.build(nets.parse(identifier))).halo == halo


PUBLISHED_IDS = [
    "eSR-CNN_s2_C4_D3_S6",
    "eSR-CNN_s4_C2_D0_S3",
    "ESPCN_s3_D16_S32",
    "ESPCN_s2_D0_S9",
    "FSRCNN_s2_D56_S12_M4",
    "FSRCNN_s3_D19_S1_M1",
    "FSRCNN_s4_D6_S3_M0",
    "ECBSR_s2_M4_C8",
    "ECBSR_s4_M0_C16",
]


@pytest.mark.parametrize("identifier", PUBLISHED_IDS)
def test_published_weights_through_the_engine(identifier: str, tmp_path: Path) -> None:
    """Files of the published names and shapes, converted as users do, against what the articles describe."""
    state, authors = published(identifier)
    torch.save(state, tmp_path / f"{identifier}.model")
    program = thinlens.convert(tmp_path / f"{identifier}.model", tmp_path / "program.safetensors")
    assert program.name == identifier and sum(isinstance(op, Convolution) for op in program.ops) <= 8
    compiled = thinlens.compile(program)
    for seed, (height, width) in enumerate([(1, 1), (3, 50), (37, 23)]):
        low = picture(height, width, False, np.float32, seed)
        wanted = run(authors, low)
        assert np.abs(wanted).max() < 8
        assert np.abs(compiled(low) - wanted).max() <= PUBLISHED


def test_published_tensors_must_fit(tmp_path: Path) -> None:
    state, _ = published("ECBSR_s2_M1_C4")
    path = tmp_path / "ECBSR_s2_M2_C4.model"
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"fit ECBSR_s2_M2_C4: it has no tensor 'backbone\.2\.act\.weight'"):
        nets.from_published(path)
    path = tmp_path / "FSRCNN_s2_D56_S12_M4.model"
    state, _ = published("FSRCNN_s2_D56_S12_M4")
    state["net.14.weight"] = torch.zeros(56, 1, 7, 7)
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"tensor 'net.14.weight' is \(56, 1, 7, 7\), not \(56, 1, 9, 9\)"):
        nets.from_published(path)
    del state["net.14.weight"]
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"does not fit FSRCNN_s2_D56_S12_M4: it has no tensor 'net.14.weight'"):
        nets.from_published(path)
    path = tmp_path / "ESPCN_s2_D0_S9.model"
    state, _ = published("ESPCN_s2_D4_S9")
    torch.save(state, path)
    with pytest.raises(
        ValueError, match=r"does not fit ESPCN_s2_D0_S9: tensor 'net.0.weight' is \(4, 1, 5, 5\), not \(9, 1, 3, 3\)"
    ):
        nets.from_published(path)


@pytest.mark.parametrize(("inputs", "outputs", "identity"), [(1, 4, False), (4, 4, False), (4, 4, True), (5, 2, True)])
def test_a_block_is_the_sum_of_its_branches(inputs: int, outputs: int, identity: bool) -> None:
    """In values and in gradients, which training follows: the module adds up weights, the article feature maps."""
    torch.manual_seed(2)
    state = {name: value.double() for name, value in block(inputs, outputs).items()}
    module = Block(inputs, outputs, "prelu", identity, "zero").double()
    module.load_state_dict(state)
    leaves = {name: value.clone().requires_grad_("mask" not in name) for name, value in state.items()}
    for size in [(1, 1), (1, 4), (6, 5)]:
        maps = torch.randn(2, inputs, *size, dtype=torch.float64)
        branches = run_block(leaves, maps, identity and inputs == outputs)
        wanted = torch.nn.functional.prelu(branches, leaves["act.weight"])
        result = module(maps)
        torch.testing.assert_close(result, wanted, rtol=1e-12, atol=1e-12)
        weights = torch.randn_like(wanted)
        for value in (*leaves.values(), *module.parameters()):
            value.grad = None
        (wanted * weights).sum().backward()
        (result * weights).sum().backward()
        for name, value in module.named_parameters():
            torch.testing.assert_close(value.grad, leaves[name].grad, rtol=1e-10, atol=1e-12)


def test_scales_and_biases_of_edges_start_small_and_masks_do_not_learn() -> None:
    torch.manual_seed(3)
    module = nets.build(nets.parse("ECBSR_s2_M1_C16"))
    learning = dict(module.named_parameters())
    for name, value in module.state_dict().items():
        if name.endswith((".scale", "sbx.bias", "sby.bias", "lpl.bias")):
            assert 0 < value.abs().max() < 6e-3
        assert name.endswith(".mask") != (name in learning)
