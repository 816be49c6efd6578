"""Saves the whole state of a population, so that an interrupted `fit` can resume."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl._checks import positive_integer


class PopulationCheckpoint(keras.callbacks.Callback):
    """Saves all members during `fit`, and resumes from the file if it exists.

    The file holds the variables of every member, including those of random seeds and of its
    optimizer, the number of the epoch, and the seed for shuffling. An interrupted run ends with the
    same weights as an uninterrupted one:

    ```python
    checkpoint = PopulationCheckpoint("sweep.npz")
    population.fit(x, y, epochs=30, callbacks=[checkpoint])  # the same call again resumes
    ```

    On resuming, a generator's batches of the finished epochs are read and discarded. The state of
    other callbacks is not saved. The file remains when `fit` has finished, and the same call then
    does not train any further.

    Args:
        path: the file. It is replaced in one step, so that it is never incomplete.
        every: int > 0, number of epochs between two saves. Default 1.

    Raises:
        ValueError: if the model is not a `Population`, or the file belongs to another one.
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1):
        super().__init__()
        self.path = Path(path)
        self.every = positive_integer("every", every)

    def on_train_begin(self, logs=None):
        population = self.model
        if not hasattr(population, "order_seed"):
            raise ValueError(
                "PopulationCheckpoint: the model must be a keras_ddl.Population; for one model "
                f"use core's BackupAndRestore. Received: a {type(population).__name__}"
            )
        if self.path.exists():
            self._load(population)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]:
            self._save(self.model, epoch + 1)

    def _save(self, population, epoch):
        arrays = {
            f"{member}/{place}": _plain(ops.convert_to_numpy(variable.value))
            for member, model in enumerate(population.models)
            for place, variable in enumerate(_variables(model))
        }
        seed = -1 if population.order_seed is None else population.order_seed
        part = self.path.with_name(f"{self.path.name}.part")
        with part.open("wb") as file:
            np.savez(file, epoch=epoch, order_seed=seed, **_torch_random_states(), **arrays)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)

    def _load(self, population):
        with np.load(self.path) as file:
            saved = {name: file[name] for name in file.files}
        variables = {
            f"{member}/{place}": variable
            for member, model in enumerate(population.models)
            for place, variable in enumerate(_variables(model))
        }
        epoch, seed = int(saved.pop("epoch")), int(saved.pop("order_seed"))
        random = {name: saved.pop(name) for name in [*saved] if name.startswith("torch/")}
        shapes = [
            {name: tuple(one.shape) for name, one in side.items()} for side in (variables, saved)
        ]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"`path` must hold the state of this population. Received: {self.path}, which was "
                "saved by members of other shapes or number, or with another optimizer"
            )
        for name, variable in variables.items():
            variable.assign(saved[name])
        _set_torch_random_states(random)
        population._initial_epoch = epoch
        population.order_seed = None if seed < 0 else seed


def _variables(model: keras.Model) -> list[Any]:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _torch_random_states():
    """PyTorch's own random states: Keras' layers without a seed draw from them there."""
    if keras.backend.backend() != "torch":
        return {}
    import torch

    devices = enumerate(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])
    states = {f"torch/{place}": state.numpy() for place, state in devices}
    return {"torch/cpu": torch.get_rng_state().numpy(), **states}


def _set_torch_random_states(states):
    if keras.backend.backend() != "torch":
        return
    import torch

    for name, state in states.items():
        if name == "torch/cpu":
            torch.set_rng_state(torch.from_numpy(state))
        else:
            torch.cuda.set_rng_state(torch.from_numpy(state), int(name.removeprefix("torch/")))


def _plain(array):
    """Convert bfloat16, which NumPy files do not support, to float32."""
    return array if array.dtype.kind in "biuf" else array.astype("float32")
