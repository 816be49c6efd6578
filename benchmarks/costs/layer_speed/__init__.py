"""How fast the layers are, beside Keras core and PyTorch, on every backend installed."""

SUMMARY = "speed of the layers beside Keras core and PyTorch, forward and backward"
