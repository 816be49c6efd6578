"""Model surgery: folding or replacing normalization layers, and renewing their statistics."""

from keras_ddl.surgery.batch_statistics import update_batch_norm
from keras_ddl.surgery.folding import fold_batch_normalization, plan_folding
from keras_ddl.surgery.plan import Folding
from keras_ddl.surgery.swapping import swap_normalization

__all__ = [
    "Folding",
    "fold_batch_normalization",
    "plan_folding",
    "swap_normalization",
    "update_batch_norm",
]
