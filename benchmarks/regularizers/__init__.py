"""Regularizers on MNIST, each tuned with the same number of trials."""
