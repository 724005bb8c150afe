"""The networks of the run that docs/search.md reads: at each scale 25 of one layer and 12 of many."""

from __future__ import annotations

from .pool import SCALES

ONE_LAYER = (
    *("eSR-MAX_s{}_K3_C1", "eSR-MAX_s{}_K3_C2", "eSR-MAX_s{}_K3_C4", "eSR-MAX_s{}_K3_C8"),
    *("eSR-MAX_s{}_K5_C1", "eSR-MAX_s{}_K5_C2", "eSR-MAX_s{}_K5_C4", "eSR-MAX_s{}_K5_C8"),
    *("eSR-MAX_s{}_K7_C1", "eSR-MAX_s{}_K7_C2", "eSR-MAX_s{}_K7_C4", "eSR-MAX_s{}_K7_C8", "eSR-MAX_s{}_K9_C1"),
    *("eSR-TM_s{}_K3_C2", "eSR-TM_s{}_K3_C4", "eSR-TM_s{}_K5_C2", "eSR-TM_s{}_K5_C4", "eSR-TM_s{}_K7_C4"),
    *("eSR-TR_s{}_K3_C2", "eSR-TR_s{}_K3_C4", "eSR-TR_s{}_K3_C8"),
    *("eSR-TR_s{}_K5_C2", "eSR-TR_s{}_K5_C4", "eSR-TR_s{}_K5_C8", "eSR-TR_s{}_K7_C4"),
)
MANY_LAYERS = (
    *("ESPCN_s{}_D0_S9", "ESPCN_s{}_D4_S6", "ESPCN_s{}_D8_S12", "ESPCN_s{}_D16_S32"),
    *("eSR-CNN_s{}_C4_D3_S6", "eSR-CNN_s{}_C8_D3_S9", "FSRCNN_s{}_D6_S3_M1", "FSRCNN_s{}_D56_S12_M4"),
    *("ECBSR_s{}_M0_C8", "ECBSR_s{}_M2_C8", "ECBSR_s{}_M4_C8", "ECBSR_s{}_M4_C16"),
)
REAL_RUN = tuple(form.format(scale) for scale in SCALES for form in (*ONE_LAYER, *MANY_LAYERS))
