"""K models of one structure, trained as one Keras model."""

from keras_ddl.population.batches import member_batches, member_indices
from keras_ddl.population.history import MemberDiverged
from keras_ddl.population.memory import member_bytes, members_that_fit
from keras_ddl.population.model import Population

__all__ = [
    "MemberDiverged",
    "Population",
    "member_batches",
    "member_bytes",
    "member_indices",
    "members_that_fit",
]
