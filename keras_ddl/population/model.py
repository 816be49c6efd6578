"""K models as one Keras model."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl.population import compiling, members, training
from keras_ddl.population.ensemble import Ensemble
from keras_ddl.population.examples import held
from keras_ddl.population.executors import executor_for
from keras_ddl.population.executors.choice import checked_name
from keras_ddl.population.feeding import Call
from keras_ddl.population.sources import source, split_off


@keras.saving.register_keras_serializable(package="keras_ddl")
class Population(keras.Model):
    """K models that train together, as one Keras model.

    The members are K ordinary Keras models. An executor runs their own training steps in compiled
    loops of many steps, several members at a time. Members do not see each other: training K
    members equals K separate runs, and they may differ in anything, even in structure.

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

    `compile`, `fit`, `evaluate`, `predict` and Keras callbacks work as on any model. The scalars
    that progress bars and callbacks see are means over the members that are still finite;
    `History` holds the K values of each epoch, `member_results()` those of the last pass. A
    member whose loss becomes NaN leaves the others untouched and is named in a warning.

    On a CPU call `keras_ddl.population.use_cores()` first: members then train side by side.

    Args:
        build: `build(**member)` returns one built `keras.Model`.
        members: sequence of K mappings, the arguments of `build` for each member.
        data: pair `(x, y)` of arrays that stay on the device, or None. Batches are then integer
            indices into them, `(batch,)` or `(batch, K)`, given without targets:
            `fit(np.arange(len(x)))`, or `member_indices` for a subset for each member. Examples
            that are no integers, as those for validation, are used as usual.
        executor: "spread" runs every member's own compiled loop, on a core or a GPU of its own.
            "map" stacks the members' weights and runs one step for all, which suits dense layers
            on a single GPU; members must then be equal in structure and constants. "loop" runs
            one member after another. "auto", the default, is "loop" on PyTorch, "map" for dense
            models on a single GPU with JAX, and else "spread".
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
        """A population of models that exist already. They become the members themselves.

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
        # In a namespace, where Keras does not look for parts of the model.
        self._parts = SimpleNamespace(
            held=None if data is None else held(data), executor=None, arguments=[], given=None
        )
        self.member_logs: dict[str, np.ndarray] = {}
        self._results: dict[str, np.ndarray] = {}
        self.order_seed: int | None = None  # of the examples' order in the current `fit`
        self.build(None)

    @property
    def count(self) -> int:
        """K, the number of members."""
        return len(self.models)

    @property
    def held(self) -> Any:
        """The examples that stay on the device, or None."""
        return self._parts.held

    @property
    def executor(self) -> str:
        """The name of the executor in use, once the population is compiled."""
        executor = self._parts.executor
        return self.executor_name if executor is None else executor.name

    def member(self, index: int) -> keras.Model:
        """One member: a Keras model, compiled with an optimizer and metrics of its own.

        It is the member itself. Training the population changes it, and training it changes the
        population.

        Args:
            index: its position, from 0; negative ones count from the end.

        Raises:
            IndexError: if there is no such member.
        """
        if not -self.count <= index < self.count:
            raise IndexError(
                f"`index` must lie between 0 and {self.count - 1}. Received: index={index}"
            )
        self.jax_state_sync()
        return self.models[index]

    def ensemble(self, activation: Any = None) -> Ensemble:
        """One Keras model whose prediction is the mean of the members' predictions.

        Args:
            activation: applied to each member's output before averaging, such as "softmax" for
                members that give logits. Default None.
        """
        return Ensemble(self.models, activation=activation)

    def build(self, input_shape: Any) -> None:
        """Nothing is left to build: the variables are the members'."""

    def call(self, inputs, training=False):
        outputs = []
        for model in self.models:
            outputs.append(model(inputs, training=training))
        return keras.tree.map_structure(lambda *parts: ops.stack(parts, axis=1), *outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self.models[0].compute_output_shape(input_shape)
        return keras.tree.map_shape_structure(lambda one: (one[0], self.count, *one[1:]), shape)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        learning_rate: Any = None,
        jit_compile: Any = "auto",
        run_eagerly: bool = False,
        steps_per_execution: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Compile every member with an optimizer and metrics of its own.

        Args:
            optimizer: optimizer or its name; every member gets a new one of its configuration.
                Core's SGD is replaced by `keras_ddl.optimizers.FusedSGD` on TensorFlow without
                XLA: the same rule, faster.
            loss, loss_weights, weighted_metrics, run_eagerly, auto_scale_loss: as in Keras.
            metrics: as in Keras; every member gets new metrics of their configuration.
            learning_rate: sequence of K numbers or `LearningRateSchedule`s, a rate for each
                member, in place of the optimizer's. Callbacks then cannot set the rate.
            jit_compile: as in Keras; "auto" is False on TensorFlow without a GPU, where XLA's
                matrix products are slower.
            steps_per_execution: the most steps in one call of the compiled loop. "auto", the
                default: an epoch, a part of it with a progress bar, or one step where a callback
                acts on batches.
        """
        rates = compiling.rates_of(learning_rate, self.count)
        self._parts.given = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "learning_rate": learning_rate,
            "jit_compile": jit_compile,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "auto_scale_loss": auto_scale_loss,
        }
        jit_compile = compiling.resolved_jit(jit_compile, run_eagerly)
        fused = keras.backend.backend() == "tensorflow" and not jit_compile
        for place, model in enumerate(self.models):
            model.compile(
                optimizer=compiling.own_optimizer(
                    optimizer, None if rates is None else rates[place], fused
                ),
                loss=loss,
                loss_weights=loss_weights,
                metrics=compiling.own_metrics(metrics),
                weighted_metrics=compiling.own_metrics(weighted_metrics),
                jit_compile=jit_compile,
                run_eagerly=run_eagerly,
                auto_scale_loss=auto_scale_loss,
            )
        self.optimizer = compiling.MemberOptimizers(self.models, differ=rates is not None)
        self.loss, self.run_eagerly, self.jit_compile = loss, run_eagerly, jit_compile
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self.compiled = True
        self._parts.executor = executor_for(
            self.executor_name, self.models, eager=run_eagerly, rates=rates
        )

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The first member's metrics; callbacks read the direction of an improvement off them."""
        return self.models[0].metrics if self.compiled else []

    def member_results(self) -> dict[str, np.ndarray]:
        """Loss and metrics of each member in the last pass over training or validation data.

        Returns:
            A dict of NumPy arrays of K values.
        """
        return dict(self._results)

    def fit(  # noqa: PLR0917 - Keras' signature
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> keras.callbacks.History:
        """Train all members, as `keras.Model.fit` does.

        Args:
            x: what Keras takes: arrays, datasets, generators. A batch is shared by all members,
                and its order with it, so that they are compared on equal terms; a batch
                `(batch, K, ...)` gives each member its own examples (`member_batches`). Arrays
                are copied to the device once. With `data`, integers are indices.
            y: targets; `(batch, K, ...)` if every member has its own examples.
            callbacks: any Keras callbacks; they see means over the members. Callbacks at batches
                make every step a call of its own.

        The other arguments are Keras'.

        Returns:
            A `History` whose entries are arrays of K values, one for each epoch.
        """
        self._check_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_off(
                x, y, sample_weight, validation_split
            )
        seed = int(np.random.randint(2**31)) if shuffle else None
        batches = source(
            self,
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            seed=seed,
            steps=steps_per_epoch,
            class_weight=class_weight,
        )
        validation = None
        if validation_data is not None:
            validation = self._validation(
                validation_data, validation_batch_size or batch_size, validation_steps
            )
        return training.fit(
            self,
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=verbose,
            callbacks=callbacks,
            validation=validation,
            validation_freq=validation_freq,
        )

    def _validation(self, data, batch_size, steps):
        parts = data if isinstance(data, list | tuple) else (data,)
        held_out = source(self, *parts, batch_size=batch_size, steps=steps)
        callbacks = training.callback_list(self, None, 0)

        def evaluate():
            return training.evaluate(self, held_out, callbacks)

        return evaluate

    def evaluate(  # noqa: PLR0917 - Keras' signature
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The means of loss and metrics over the members, as `keras.Model.evaluate` gives them.

        `member_results()` has each member's afterwards. The arguments are Keras'.
        """
        self._check_compiled("evaluate")
        batches = source(self, x, y, sample_weight, batch_size=batch_size, steps=steps)
        own = getattr(self, "history", None)
        listed = training.callback_list(self, callbacks, verbose, epochs=1, steps=batches.steps)
        self.history = own
        found = training.means(training.evaluate(self, batches, listed))
        self._ready_executor().sync(final=True)
        values = [*found.values()]
        return found if return_dict else values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The members' outputs `(examples, K, ...)`, as NumPy arrays.

        Args:
            x, batch_size, steps: as in Keras; inputs `(examples, K, ...)` give each member its
                own.
            verbose, callbacks: accepted for Keras' sake; prediction shows no progress.
        """
        batches = source(self, x, batch_size=batch_size, steps=steps)
        parts = [self._predicted(call) for call in batches.epoch(0)]
        return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)

    def predict_on_batch(self, x: Any) -> Any:
        """The members' outputs for one batch, as `predict` gives them."""
        batches = source(self, x, batch_size=len(keras.tree.flatten(x)[0]))
        (call,) = batches.epoch(0)
        return self._predicted(call)

    def _predicted(self, call: Call) -> Any:
        outputs = self._ready_executor().predict(call)
        shapes = [[leaf.shape for leaf in keras.tree.flatten(output)] for output in outputs]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(
                "The outputs of all members must have one shape to be stacked; predict with "
                f"`member(i)` instead. Received: shapes {shapes}"
            )
        return keras.tree.map_structure(lambda *parts: np.stack(parts, axis=1), *outputs)

    def jax_state_sync(self) -> None:
        """Bring the members' variables up to date; callbacks do so when they ask for the model."""
        if self._parts.executor is not None:
            self._parts.executor.sync()

    def _ready_executor(self):
        if self._parts.executor is None:
            self._parts.executor = executor_for(self.executor_name, self.models)
        return self._parts.executor

    def _check_compiled(self, method):
        if not self.compiled:
            raise ValueError(f"Call `compile()` before `{method}()`. Received: no loss")

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

    def get_compile_config(self) -> Any:
        given = self._parts.given
        return keras.saving.serialize_keras_object(given) if given else None

    def compile_from_config(self, config: Any) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        for model in self.models:
            model.optimizer.build(model.trainable_variables)
