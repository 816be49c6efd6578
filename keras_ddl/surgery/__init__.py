"""Models rebuilt: normalization folded away, or swapped for another."""

from keras_ddl.surgery.folding import fold_batch_normalization, plan_folding
from keras_ddl.surgery.plan import Folding
from keras_ddl.surgery.swapping import swap_normalization

__all__ = ["Folding", "fold_batch_normalization", "plan_folding", "swap_normalization"]
