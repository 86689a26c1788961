"""Trained networks as files that others run: StableHLO, safetensors, ONNX."""
