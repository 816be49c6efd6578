"""Ensembles of networks, snapshots and dropout masks at equal training cost."""
