"""What the experiments share. Keras is imported by `training` only."""
