"""Chains of convolutions and activations, fused from bytes to bytes: eSR-CNN, ESPCN, FSRCNN, ECBSR."""
