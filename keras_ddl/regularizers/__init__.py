"""Regularizers whose strengths are weights, so that they can change without recompiling."""

from keras_ddl.regularizers.penalty import Penalty, VariableL1L2
from keras_ddl.regularizers.sparsity import KLSparsity

__all__ = ["KLSparsity", "Penalty", "VariableL1L2"]
