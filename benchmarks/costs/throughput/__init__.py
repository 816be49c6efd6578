"""How many models a machine trains in the same time, alone and as a population."""

SUMMARY = "throughput of a Population beside Keras' fit, a PyTorch loop and a JAX scan"
