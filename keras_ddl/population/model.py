"""K models as one Keras model."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl.population import members
from keras_ddl.population.ensemble import Ensemble
from keras_ddl.population.examples import held
from keras_ddl.population.executors.choice import checked_name
from keras_ddl.population.trained import Trained


@keras.saving.register_keras_serializable(package="keras_ddl")
class Population(Trained):
    """K models that train together, as one Keras model.

    The members are K ordinary Keras models. An executor runs their own training steps in compiled
    loops of many steps, several members at a time. Members do not affect each other: training K
    members equals K separate runs. They may differ in anything, even in structure.

    ```python
    def build(rate, seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([
            keras.Input((784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(rate),
            keras.layers.Dense(10),
        ])

    population = Population(build, [{"rate": r, "seed": 0} for r in (0.0, 0.25, 0.5, 0.75)])
    population.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                       metrics=["accuracy"])
    history = population.fit(x, y, validation_data=(x_val, y_val), epochs=5)
    history.history["val_accuracy"]  # five arrays of four values
    best = population.member(int(np.argmax(history.history["val_accuracy"][-1])))
    ```

    `compile`, `fit`, `evaluate`, `predict` and Keras callbacks work as on any model. Progress bars
    and callbacks get means over the members whose values are finite. `History` holds the K values
    of each epoch, and `member_results()` returns those of the last pass. If the loss of a member
    becomes NaN, a warning names the member, and the others continue.

    On a CPU call `keras_ddl.population.use_cores()` first: members then train side by side.

    Args:
        build: `build(**member)` returns one built `keras.Model`.
        members: sequence of K mappings, the arguments of `build` for each member.
        data: pair `(x, y)` of arrays that stay on the device, or None. Batches are then integer
            indices into them, `(batch,)` or `(batch, K)`, without targets:
            `fit(np.arange(len(x)))`, or `member_indices` for a subset for each member. Arrays of
            other types, such as those for validation, are examples as usual.
        executor: "spread" compiles a loop for each member, and runs the loops in parallel on the
            cores or GPUs. "map" stacks the members' weights and runs one step for all, which suits
            dense layers on a single GPU; members must be equal in structure and constants. "loop"
            runs one member after another. "auto", the default, is "loop" on PyTorch, "map" for
            dense models on a single GPU with JAX, and else "spread".
        memory: bytes that training may take. Default: 80 % of the main memory free now (a GPU's
            memory is not considered). `members_that_fit` says how many members that allows.
        name: string, the model's name.
        vectorize: former name of `executor`.

    Call arguments:
        inputs: a batch `(batch, ...)` that all members share.
        training: as for any model.

    Output shape: `(batch, K, ...)`.

    Raises:
        ValueError: if there are no members, or "map" cannot run them; the message names the
            member and what differs.
        MemoryError: if the estimate of what training takes exceeds `memory`.
    """

    def __init__(
        self,
        build: Callable[..., keras.Model],
        members: Sequence[Mapping[str, Any]],
        *,
        data: Any = None,
        executor: str = "auto",
        memory: float | None = None,
        name: str | None = None,
        vectorize: str | None = None,
    ):
        arguments = [dict(member) for member in members]
        models = (build(**member) for member in arguments)
        self._begin(
            models, len(arguments), vectorize or executor, data=data, memory=memory, name=name
        )
        self._parts.arguments = arguments

    @classmethod
    def from_models(
        cls,
        models: Sequence[keras.Model],
        *,
        data: Any = None,
        executor: str = "auto",
        memory: float | None = None,
        name: str | None = None,
        vectorize: str | None = None,
    ) -> "Population":
        """Make a population of existing models, which become its members.

        Args:
            models: sequence of built models. The other arguments are as in `Population`.
        """
        population = cls.__new__(cls)
        models = list(models)
        population._begin(
            models, len(models), vectorize or executor, data=data, memory=memory, name=name
        )
        return population

    def _begin(self, models, count, executor, *, data, memory, name):
        if not count:
            raise ValueError("`members` must hold at least one member. Received: none")
        checked_name(executor)
        models = iter(models)
        first = members.checked(next(models), 0)
        members.check_memory(first, count, memory)
        super().__init__(name=name, dtype=first.dtype_policy)
        others = [members.checked(model, place) for place, model in enumerate(models, start=1)]
        self.models = [first, *others]
        members.check_distinct(self.models)
        if executor == "map":
            members.check_equal(self.models)
        self.executor_name = executor
        # Keras does not look into a namespace for parts of the model.
        self._parts = SimpleNamespace(
            held=None if data is None else held(data), executor=None, arguments=[], given=None
        )
        self.member_logs: dict[str, np.ndarray] = {}
        self._results: dict[str, np.ndarray] = {}
        self.order_seed: int | None = None  # for shuffling in the current `fit`
        self.build(None)

    def member(self, index: int) -> keras.Model:
        """Return one member: a Keras model with a separate optimizer and separate metrics.

        It is not a copy. Training the population changes it, and training it changes the
        population.

        Args:
            index: its position, from 0. Negative positions count from the end.

        Raises:
            IndexError: if there is no such member.
        """
        if not -self.count <= index < self.count:
            raise IndexError(
                f"`index` must lie between 0 and {self.count - 1}. Received: index={index}"
            )
        self.jax_state_sync()
        return self.models[index]

    def ensemble(self, activation: Any = None, draws: int = 1) -> Ensemble:
        """Make one Keras model that predicts the mean of the members' predictions.

        Args:
            activation: applied to each prediction before averaging, such as "softmax" for members
                that return logits. Default None.
            draws: predictions of each member. With more than 1 dropout and other random layers are
                active (Monte-Carlo dropout). Default 1.
        """
        return Ensemble(self.models, activation=activation, draws=draws)

    def build(self, input_shape: Any) -> None:
        """Do nothing: the members are built already."""

    def call(self, inputs, training=False):
        outputs = []
        for model in self.models:
            outputs.append(model(inputs, training=training))
        return keras.tree.map_structure(lambda *parts: ops.stack(parts, axis=1), *outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self.models[0].compute_output_shape(input_shape)
        return keras.tree.map_shape_structure(lambda one: (one[0], self.count, *one[1:]), shape)

    def get_config(self) -> dict[str, Any]:
        return {
            "models": members.configurations(self.models),
            "members": self._parts.arguments,
            "executor": self.executor_name,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Population":
        models = [
            keras.saving.deserialize_keras_object(one, custom_objects=custom_objects)
            for one in config["models"]
        ]
        population = cls.from_models(models, executor=config["executor"], name=config["name"])
        population._parts.arguments = config["members"]
        return population
