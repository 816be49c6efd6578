"""Initializers that Keras core lacks, and functions that initialize a whole model from data."""

from keras_ddl.initializers.convolution_aware import ConvolutionAware
from keras_ddl.initializers.fan import fans
from keras_ddl.initializers.gain import calculate_gain
from keras_ddl.initializers.kaiming import KaimingNormal, KaimingUniform
from keras_ddl.initializers.lsuv import lsuv_init
from keras_ddl.initializers.orthonormal import Orthonormal, OrthonormalMSRA
from keras_ddl.initializers.rbm import RBMReport, rbm_pretrain
from keras_ddl.initializers.reinitialize import reinitialize
from keras_ddl.initializers.report import LayerReport, LSUVReport
from keras_ddl.initializers.xavier import XavierNormal, XavierUniform

__all__ = [
    "ConvolutionAware",
    "KaimingNormal",
    "KaimingUniform",
    "LSUVReport",
    "LayerReport",
    "Orthonormal",
    "OrthonormalMSRA",
    "RBMReport",
    "XavierNormal",
    "XavierUniform",
    "calculate_gain",
    "fans",
    "lsuv_init",
    "rbm_pretrain",
    "reinitialize",
]
