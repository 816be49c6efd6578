"""K models of one structure as one Keras model."""

import keras
import numpy as np
from keras import ops

from keras_ddl.population import metrics as member_metrics
from keras_ddl.population.examples import (
    HeldExamples,
    are_indices,
    have_own,
    members_first,
)
from keras_ddl.population.feeding import fed
from keras_ddl.population.history import MemberHistory, MemberLogs
from keras_ddl.population.mapping import MemberMap
from keras_ddl.population.optimizers import for_members
from keras_ddl.population.parts import Parts, check_memory, checked, config, values, variables
from keras_ddl.population.structure import check_same_structure


@keras.saving.register_keras_serializable(package="keras_ddl")
class Population(keras.Model):
    """K models of one structure, trained in one compiled step as one Keras model.

    A sweep is K models that differ in numbers: initial weights, random streams, dropout rates,
    learning rates, training subsets. Their variables are stacked on a first axis of size K and
    one model runs over the stack with `keras.ops.vectorized_map`. Members do not see each other:
    training K members equals K separate runs, to float rounding.

    ```python
    def build(rate, seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([
            keras.Input((784,)),
            keras.layers.Dense(512, activation="relu"),
            VariableDropout(rate, seed=seed),
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

    Args:
        build: `build(**member)` returns one built `keras.Model`.
        members: sequence of K mappings, the arguments of `build` for each member. The models may
            differ only in what lives in variables: initial values, seeds, and arguments that a
            layer keeps in a weight, such as the rate of `keras_ddl.layers.VariableDropout`.
        data: pair `(x, y)` of arrays that are to stay on the device, or None. Batches are then
            integer indices into them, `(batch,)` or `(batch, K)`, given without targets:
            `fit(np.arange(len(x)))`, or `member_indices` for subsets of the members' own. Examples
            that are no integers are taken as they come, for validation.
        vectorize: `"map"` runs all members at once; `"loop"` one after another within the same
            step; `"auto"`, the default, maps, and changes to the loop with a warning on PyTorch
            and where a layer refuses.
        memory: bytes that training may take. Default: 80 % of the main memory free now (nothing
            is known of a GPU's). `members_that_fit` tells how many members go into it.
        name: string, the model's name.

    Call arguments:
        inputs: a batch `(batch, ...)` that all members share, or `(batch, K, ...)`, one for each.
        training: as for any model.

    Output shape: `(batch, K, ...)`.

    Raises:
        ValueError: if there are no members, or they differ in structure or in a constant of the
            computation; the message names the member, the layer and the argument.
        MemoryError: if the estimate of what training takes exceeds `memory`.

    Masks of a model's output do not reach the loss. Under mixed_float16 the members share one
    loss scale; bfloat16 needs none.
    """

    def __init__(self, build, members, *, data=None, vectorize="auto", memory=None, name=None):
        members = [dict(member) for member in members]
        models = (build(**member) for member in members)
        self._begin(models, len(members), data=data, vectorize=vectorize, memory=memory, name=name)
        self._parts().build, self._parts().members = build, members

    @classmethod
    def from_models(cls, models, *, data=None, vectorize="auto", memory=None, name=None):
        """A population of models that exist already; their weights are copied.

        Args:
            models: sequence of built models of one structure. The others are as in `Population`.
        """
        population = cls.__new__(cls)
        models = list(models)
        population._begin(
            models, len(models), data=data, vectorize=vectorize, memory=memory, name=name
        )
        return population

    def _begin(self, models, count, *, data, vectorize, memory, name):
        if not count:
            raise ValueError("`members` must hold at least one member. Received: none")
        models = iter(models)
        template = checked(next(models), 0)
        super().__init__(name=name, dtype=template.dtype_policy)
        parts = Parts(template, count, MemberMap(vectorize, count))
        # In a function, where Keras does not look for layers to track as parts of this one.
        self._parts = lambda: parts
        self.member_logs = {}
        self.vectorize = vectorize
        check_memory(template, count, memory)

        found = [values(template)]
        parts.configs.append(config(template))
        for index, model in enumerate(models, start=1):
            check_same_structure(template, checked(model, index), index)
            found.append(values(model))
            parts.configs.append(config(model))
        stacks = [
            self._stack(f"{position}_{variable.name}", variable, [one[position] for one in found])
            for position, variable in enumerate(variables(template))
        ]
        parts.split(stacks)
        self.held = None if data is None else HeldExamples(*data)
        self.build(None)  # has PyTorch know the stacks as parameters

    def _stack(self, name, variable, values):
        stack = self.add_weight(
            shape=(len(values), *variable.shape),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(np.stack(values), dtype),
            dtype=variable.dtype,
            trainable=variable.trainable,
            autocast=False,  # the template's own variable casts what it reads
            name=name,  # unique: PyTorch finds parameters by it
        )
        if variable.constraint is not None:
            each, constraint = self._parts().each, variable.constraint
            stack.constraint = lambda stacked: each(constraint, ops.convert_to_tensor(stacked))
        return stack

    @property
    def stacked_weights(self):
        """The members' variables, each with the members on its first axis."""
        return list(self._parts().stacks)

    @property
    def count(self):
        """K, the number of members."""
        return self._parts().each.count

    def build(self, input_shape):
        """Nothing is left to make: the variables are the members'."""

    def call(self, inputs, training=False):
        parts = self._parts()
        own = self._have_own(inputs)

        def member(slices):
            arguments = {"training": training} if parts.takes_training else {}
            return parts.template.stateless_call(
                slices["trainable"],
                slices["non_trainable"],
                slices["inputs"],
                return_losses=True,
                **arguments,
            )

        state = {
            "trainable": [stack.value for stack in parts.trainable],
            "non_trainable": [stack.value for stack in parts.non_trainable],
        }
        data = {"inputs": members_first(inputs) if own else inputs}
        outputs, updated, losses = parts.each.with_shared(
            member, state | (data if own else {}), {} if own else data
        )
        for stack, value in zip(parts.non_trainable, updated, strict=True):
            stack.assign(value)
        for loss in losses:
            self.add_loss(loss)  # a vector: `compute_loss` wants each member's own
        return keras.tree.map_structure(lambda output: ops.moveaxis(output, 0, 1), outputs)

    def compute_output_shape(self, input_shape):
        shape = self._parts().template.compute_output_shape(input_shape)
        return keras.tree.map_shape_structure(lambda one: (one[0], self.count, *one[1:]), shape)

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        *,
        learning_rate=None,
        **kwargs,
    ):
        """Configure training, as `keras.Model.compile` does.

        Args:
            optimizer: an optimizer that treats every element of a weight by itself (SGD, Adam,
                RMSprop, Adagrad, Lion ...), or its name.
            loss: loss of one member: a `keras.losses.Loss`, its name or a function.
            loss_weights: as in Keras.
            metrics: list of metrics, their names or functions, kept for each member.
            learning_rate: sequence of K numbers or `LearningRateSchedule`s, a rate for each
                member, in place of the optimizer's. Callbacks then cannot set the rate.
            **kwargs: `jit_compile`, `run_eagerly`, `steps_per_execution`, `auto_scale_loss`.
        """
        parts = self._parts()
        if kwargs.pop("weighted_metrics", None):
            raise ValueError("`weighted_metrics` must be None: give them in `metrics`")
        parts.compiled_with = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "learning_rate": learning_rate,
            **kwargs,
        }
        optimizer = for_members(keras.optimizers.get(optimizer), self.count, learning_rate)
        super().compile(optimizer=optimizer, **kwargs)
        # A model without variables: all that it does is to apply Keras' rules for losses.
        parts.objective = keras.Model()
        if hasattr(parts.template, "output_names"):
            parts.objective.output_names = parts.template.output_names
        parts.objective.compile(loss=loss, loss_weights=loss_weights)
        width = getattr(parts.template, "output_shape", None)
        units = width[-1] if isinstance(width, tuple) and width else None
        if metrics is not None and not isinstance(metrics, list | tuple):
            raise ValueError(f"`metrics` must be a list. Received: metrics={metrics!r}")
        parts.metrics = [
            member_metrics.MemberMean("loss", self.count),
            *(
                member_metrics.MemberMetric(member_metrics.resolve(metric, loss, units), parts.each)
                for metric in metrics or ()
            ),
        ]

    @property
    def metrics(self):
        return list(self._parts().metrics)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of the members' losses, whose gradient is each member's own."""
        parts = self._parts()
        own = self._have_own(x)

        def member(slices):
            return parts.objective.compute_loss(
                y=slices["y"],
                y_pred=slices["y_pred"],
                sample_weight=slices["sample_weight"],
                training=training,
            )

        targets = {"y": y, "sample_weight": sample_weight}
        if own:
            targets = {name: members_first(value) for name, value in targets.items()}
        losses = parts.each.with_shared(
            member,
            {"y_pred": members_first(y_pred)} | (targets if own else {}),
            {} if own else targets,
        )
        for extra in self.losses:
            losses = losses + ops.cast(extra, losses.dtype)
        parts.metrics[0].update_state(losses, ops.shape(keras.tree.flatten(x)[0])[0])
        return ops.sum(losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        own = self._have_own(x)
        y_pred = members_first(y_pred)
        if own:
            y, sample_weight = members_first(y), members_first(sample_weight)
        for metric in self._parts().metrics[1:]:
            metric.update_state(y, y_pred, sample_weight, own)
        return self.get_metrics_result()

    def get_metrics_result(self):
        return {metric.name: metric.result() for metric in self._parts().metrics}

    def member_results(self):
        """Loss and metrics of each member in the pass over data that was last made.

        Returns:
            A dict of NumPy arrays of K values: after `fit` its last pass, that over the
            validation data if there is any; after `evaluate` its own.
        """
        return {
            metric.name: ops.convert_to_numpy(metric.members()) for metric in self._parts().metrics
        }

    def fit(  # noqa: PLR0917 - Keras' signature
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **kwargs,
    ):
        """Train all members, as `keras.Model.fit` does.

        Args:
            x: what Keras takes: arrays, datasets, generators. A batch is shared by all members,
                and its order with it, so that they are compared on equal terms; a batch
                `(batch, K, ...)` gives each member examples of its own (`member_batches`).
            y: targets; `(batch, K, ...)` if the examples are the members' own.
            callbacks: any Keras callbacks; they see means over the members.

        The other arguments are Keras'.

        Returns:
            A `History` whose entries are arrays of K values, one for each epoch.
        """
        data = fed(
            x=x,
            y=y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            class_weight=class_weight,
            validation_split=validation_split,
            validation_data=validation_data,
        )
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
            given = [callback for callback in given if callback is not None]
            callbacks = [MemberLogs(), *given, MemberHistory()]
        return super().fit(epochs=epochs, verbose=verbose, callbacks=callbacks, **data, **kwargs)

    def member(self, index):
        """One member as a model of its own, with the weights it has now; it can be saved.

        Args:
            index: its position in `members`, from 0; negative ones count from the end.

        Returns:
            A model such as `build` gives; it is not compiled.

        Raises:
            IndexError: if there is no such member.
        """
        if not -self.count <= index < self.count:
            raise IndexError(
                f"`index` must lie between 0 and {self.count - 1}. Received: index={index}"
            )
        parts = self._parts()
        if parts.build is not None:
            model = parts.build(**parts.members[index])
        else:
            model = keras.saving.deserialize_keras_object(parts.configs[index])
        for variable, stack in zip(variables(model), parts.stacks, strict=True):
            variable.assign(ops.convert_to_numpy(stack.value)[index])
        return model

    def get_config(self):
        configs = self._parts().configs
        if None in configs:
            raise NotImplementedError(
                "A population can be saved whole only if its models can: give "
                f"{type(self._parts().template).__name__} a `get_config`. Members are saved by "
                "`population.member(i).save(path)`, all weights by `population.save_weights`."
            )
        return {
            "models": configs,
            "members": self._parts().members,
            "vectorize": self.vectorize,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        models = [
            keras.saving.deserialize_keras_object(one, custom_objects=custom_objects)
            for one in config["models"]
        ]
        population = cls.from_models(models, vectorize=config["vectorize"], name=config["name"])
        population._parts().members = config["members"]
        return population

    def get_compile_config(self):
        given = self._parts().compiled_with
        return keras.saving.serialize_keras_object(given) if given else None

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def train_step(self, *state_and_data):
        return super().train_step(*self._with_examples(state_and_data))

    def test_step(self, *state_and_data):
        return super().test_step(*self._with_examples(state_and_data))

    def _with_examples(self, state_and_data):
        """Arguments of a step, with examples in the place of indices into `data`."""
        *state, data = state_and_data
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.held is None or not are_indices(x):
            return state_and_data
        if state:  # JAX hands the variables' values to the step, second those that are not trained
            untrained = zip(self.non_trainable_variables, state[0][1], strict=True)
            values = {id(variable): value for variable, value in untrained}
        else:
            values = {id(variable): variable.value for variable in self.held.variables}
        return (*state, self.held.taken(x, values, self.count))

    def _have_own(self, inputs):
        return have_own(inputs, getattr(self._parts().template, "inputs", None), self.count)
