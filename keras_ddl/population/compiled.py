"""Compiling the members, and the executor that runs them."""

from types import SimpleNamespace
from typing import Any

import keras

from keras_ddl.population import compiling
from keras_ddl.population.executors import executor_for


class Compiled(keras.Model):
    """K models that are compiled alike, each with a separate optimizer and separate metrics.

    Attributes:
        models: the members.
        executor_name: the requested executor, which may be "auto".
    """

    models: list[keras.Model]
    executor_name: str
    _parts: SimpleNamespace  # Keras does not look for parts of the model in a namespace

    @property
    def count(self) -> int:
        """K, the number of members."""
        return len(self.models)

    @property
    def executor(self) -> str:
        """The name of the executor in use, once the population is compiled."""
        executor = self._parts.executor
        return self.executor_name if executor is None else executor.name

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
        """Compile every member with a separate optimizer and separate metrics.

        Args:
            optimizer: an optimizer or its name. Every member gets a new one with its configuration.
                Core's SGD and Adam are replaced by `keras_ddl.optimizers.FusedSGD` and
                `FusedAdam` on TensorFlow without XLA: the same rules, faster.
            loss, loss_weights, weighted_metrics, run_eagerly, auto_scale_loss: as in Keras.
            metrics: as in Keras. Every member gets new metrics with the same configuration.
            learning_rate: sequence of K numbers or `LearningRateSchedule`s, one for each member.
                They replace the optimizer's rate, and callbacks cannot set the rate then.
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
        """The first member's metrics. Callbacks derive from them whether smaller is better."""
        return self.models[0].metrics if self.compiled else []

    def jax_state_sync(self) -> None:
        """Write the trained values into the members' variables. Keras calls this for callbacks."""
        if self._parts.executor is not None:
            self._parts.executor.sync()

    def _ready_executor(self):
        if self._parts.executor is None:
            self._parts.executor = executor_for(self.executor_name, self.models)
        return self._parts.executor

    def get_compile_config(self) -> Any:
        given = self._parts.given
        return keras.saving.serialize_keras_object(given) if given else None

    def compile_from_config(self, config: Any) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        for model in self.models:
            model.optimizer.build(model.trainable_variables)
