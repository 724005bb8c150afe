"""Programs of one convolution, a pixel shuffle and one way to choose among channels, fused from bytes to bytes."""
