"""The plumbing of the experiments, written once. Only `train` imports Keras."""
