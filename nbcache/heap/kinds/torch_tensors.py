"""PyTorch tensors: by dtype, shape, strides, device and content."""
