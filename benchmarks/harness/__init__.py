"""The parts that all experiments share. Importing them imports no Keras, except in `training`."""
