"""K models that train together, as one Keras model."""

from keras_ddl.population.batches import member_batches, member_indices
from keras_ddl.population.checkpoint import CheckpointUnreadable, PopulationCheckpoint
from keras_ddl.population.cores import CoresNotSplit, OneDNNOff, use_cores
from keras_ddl.population.ensemble import Ensemble
from keras_ddl.population.history import MemberDiverged
from keras_ddl.population.memory import member_bytes, members_that_fit
from keras_ddl.population.model import Population

__all__ = [
    "CheckpointUnreadable",
    "CoresNotSplit",
    "Ensemble",
    "MemberDiverged",
    "OneDNNOff",
    "Population",
    "PopulationCheckpoint",
    "member_batches",
    "member_bytes",
    "member_indices",
    "members_that_fit",
    "use_cores",
]
