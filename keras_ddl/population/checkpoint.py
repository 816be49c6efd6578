"""The state of a training run on disk, from which an interrupted `fit` continues."""

import os
import time
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from keras_ddl._checks import positive_integer

State = Mapping[str, np.ndarray]
OWN = ("epoch", "order_seed")


class Stateful(Protocol):
    """A callback whose state is part of a checkpoint."""

    def get_state(self) -> State:
        """The state as named arrays."""

    def set_state(self, state: State) -> None:
        """Restore what `get_state` returned. It follows `on_train_begin`."""


class CheckpointUnreadable(UserWarning):
    """A checkpoint's file is corrupt, and is not used."""


class PopulationCheckpoint(keras.callbacks.Callback):
    """Saves all members during `fit`, and resumes from the file if it exists.

    It saves each member's variables, including those of random seeds and of its optimizer, the
    number of the epoch, and the seed of the examples' order. An interrupted run and an
    uninterrupted one end with equal weights:

    ```python
    checkpoint = PopulationCheckpoint("sweep.npz")
    population.fit(x, y, epochs=30, callbacks=[checkpoint])  # the same call again resumes
    ```

    A generator must start at the first batch: `fit` skips the batches of earlier epochs. If the
    caller passes `initial_epoch=checkpoint.epoch`, the generator must start at that epoch.

    The state of another callback is saved only if it is listed in `others`; this callback must then
    follow it in `callbacks`. A finished `fit` leaves the file, and the same call then trains no
    further.

    A single Keras model is accepted, too. Keras' `fit` skips no batches, so only a caller that
    passes `initial_epoch` and the batches from there gets equal weights. On PyTorch its random
    layers must have seeds: without them they draw from PyTorch's own generator, which `fit`
    advances when it begins to read data.

    Args:
        path: the file. It is replaced as a whole and is never half written.
        every: int > 0, epochs between two saves. Default 1.
        seconds: float, the least time between two saves. The last epoch is always saved. Default
            0.0.
        keep: int > 0, the number of files to keep. Earlier files have the suffixes `.1`, `.2` and
            so on, and serve if a later file is corrupt. Default 1.
        others: callbacks with `get_state() -> {name: array}` and `set_state(state)`. Default none.

    Attributes:
        epoch: the number of epochs in the newest readable file; 0 if there is none. A corrupt file
            causes the warning `CheckpointUnreadable`.

    Raises:
        ValueError: if the file holds members of other shapes.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        *,
        seconds: float = 0.0,
        keep: int = 1,
        others: Sequence[Stateful] = (),
    ):
        super().__init__()
        self.path = Path(path)
        self.every = positive_integer("every", every)
        self.seconds = seconds
        self.keep = positive_integer("keep", keep)
        self.others = others
        self._looked = False
        self._read: tuple[Path, dict[str, np.ndarray]] | None = None
        self._saved = time.monotonic()

    @property
    def files(self) -> list[Path]:
        """The paths of all files, newest first, whether they exist or not."""
        later = [self.path.with_name(f"{self.path.name}.{n}") for n in range(1, self.keep)]
        return [self.path, *later]

    @property
    def epoch(self) -> int:
        if not self._looked:
            self._looked, self._read = True, _first_readable(self.files)
        return int(self._read[1]["epoch"]) if self._read else 0

    def on_train_begin(self, logs=None):
        if self.epoch and self._read:
            self._load(self.model, *self._read)
        self._looked, self._read = False, None
        self._saved = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params["epochs"]
        if last or ((epoch + 1) % self.every == 0 and self.is_due()):
            self.save(epoch + 1)

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None

    def is_due(self) -> bool:
        """Whether the last save is at least `seconds` ago."""
        return time.monotonic() - self._saved >= self.seconds

    def save(self, epoch: int) -> None:
        """Write the state after `epoch` complete epochs."""
        arrays = {
            name: _plain(ops.convert_to_numpy(variable.value))
            for name, variable in _variables(self.model).items()
        }
        for place, other in enumerate(self.others):
            state = other.get_state().items()
            arrays |= {f"other/{place}/{name}": value for name, value in state}
        seed = getattr(self.model, "order_seed", None)
        arrays["order_seed"] = np.asarray(-1 if seed is None else seed)
        part = self.path.with_name(f"{self.path.name}.part")
        with part.open("wb") as file:
            np.savez(file, epoch=epoch, **_torch_random_states(), **arrays)
            file.flush()
            os.fsync(file.fileno())
        for older, newer in zip(self.files[:0:-1], self.files[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)
        part.replace(self.path)
        self._saved = time.monotonic()

    def _load(self, model, path, saved):
        epoch, seed = (int(saved[name]) for name in OWN)
        variables = _variables(model)
        weights = {n: v for n, v in saved.items() if n not in OWN and not n.startswith("other/")}
        random = {name: weights.pop(name) for name in [*weights] if name.startswith("torch/")}
        shapes = [
            {name: tuple(one.shape) for name, one in side.items()} for side in (variables, weights)
        ]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"`path` must hold the state of this population. Received: {path}, which was "
                "saved by members of other shapes or number, or with another optimizer"
            )
        for name, variable in variables.items():
            variable.assign(weights[name])
        _set_torch_random_states(random)
        for place, other in enumerate(self.others):
            prefix = f"other/{place}/"
            state = {n.removeprefix(prefix): v for n, v in saved.items() if n.startswith(prefix)}
            other.set_state(state)
        model._initial_epoch = epoch
        if hasattr(model, "order_seed"):
            model.order_seed = None if seed < 0 else seed


def _first_readable(paths: Sequence[Path]) -> tuple[Path, dict[str, np.ndarray]] | None:
    """The first file that can be read whole, and its arrays. Every array has a checksum."""
    for path in paths:
        try:
            with path.open("rb") as stream, np.load(stream) as file:
                saved = {name: file[name] for name in file.files}
            if all(name in saved for name in OWN):
                return path, saved
        except FileNotFoundError:
            continue
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            pass
        warnings.warn(f"{path} is corrupt and is not used", CheckpointUnreadable, 2)
    return None


def _variables(model: Any) -> dict[str, Any]:
    """The variables of a population's members, or of one model, by name in the file."""
    return {
        f"{member}/{place}": variable
        for member, one in enumerate(getattr(model, "models", [model]))
        for place, variable in enumerate(_of_one(one))
    }


def _of_one(model: keras.Model) -> list[Any]:
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
