"""Times one network on the backend of this process; `__main__` starts one for each.

Every arm is a `fit` of its own; the fits take turns, a batch each, so that a slow second of the
machine falls on all of them. The first epoch, in which functions are traced, is not counted.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.costs.callback_cost import contenders
from benchmarks.harness import commands
from benchmarks.harness.env import environment


class Turns:
    """Lets threads go on one after another, in a circle."""

    def __init__(self):
        self.condition = threading.Condition()
        self.names: list[str] = []
        self.current = 0

    def wait(self, name: str) -> None:
        with self.condition:
            self.condition.wait_for(lambda: self.names and self.names[self.current] == name)

    def passed(self) -> None:
        with self.condition:
            self.current = (self.current + 1) % len(self.names)
            self.condition.notify_all()


def measure(network: str, rounds: int, folder: Path) -> dict[str, dict[str, list[float]]]:
    """Seconds of each arm's epochs, the first left out: "times", and "trained" of their steps."""
    import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(contenders.EXAMPLES[network], *contenders.SHAPES[network])).astype(
        "float32"
    )
    y = rng.integers(0, 10, len(x))
    steps = len(x) // contenders.BATCH
    turns = Turns()
    times: dict[str, list[float]] = {}  # of whole epochs
    trained: dict[str, list[float]] = {}  # of their steps alone
    failed: list[BaseException] = []

    class Start(keras.callbacks.Callback):
        """First in the list: waits for its turn, then starts the clock."""

        def __init__(self, name):
            super().__init__()
            self.name = name
            self.reached = threading.Event()

        def begin(self):
            self.reached.set()
            turns.wait(self.name)
            self.began = time.perf_counter()

        def on_epoch_begin(self, epoch, logs=None):
            self.begin()
            self.spent = 0.0

        def on_train_batch_begin(self, batch, logs=None):
            if batch:
                self.begin()

    class Stop(keras.callbacks.Callback):
        """Last in the list: stops it after every batch, and after what the epoch's end takes."""

        def __init__(self, start):
            super().__init__()
            self.start = start

        def stop(self):
            now = time.perf_counter()
            self.start.spent += now - self.start.began
            self.start.began = now

        def on_train_batch_end(self, batch, logs=None):
            np.asarray(logs["loss"])  # JAX goes on in the background: wait for it
            self.stop()
            if batch + 1 < steps:
                turns.passed()
            else:
                trained[self.start.name].append(self.start.spent)

        def on_epoch_end(self, epoch, logs=None):
            self.stop()
            turns.passed()
            times[self.start.name].append(self.start.spent)

    def train(model, start, callbacks):
        try:
            followed = [start, *callbacks, Stop(start)]
            model.fit(**_fed(x, y), epochs=1 + rounds, verbose=0, callbacks=followed)
        except BaseException as error:
            failed.append(error)
            start.reached.set()
            raise

    threads = []
    made = contenders.arms(x, folder)
    for name, callbacks in made.items():
        keras.utils.set_random_seed(0)
        model = getattr(contenders, network)()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
        start = Start(name)
        times[name], trained[name] = [], []
        thread = threading.Thread(target=train, args=(model, start, callbacks()), daemon=True)
        thread.start()
        start.reached.wait()  # one after another until their first epoch
        if failed:
            raise failed[0]
        threads.append(thread)
    with turns.condition:
        turns.names = list(made)
        turns.condition.notify_all()
    while any(thread.is_alive() for thread in threads) and not failed:
        time.sleep(0.2)
    if failed:
        raise failed[0]
    return {
        kind: {name: found[1:] for name, found in measured.items()}
        for kind, measured in (("times", times), ("trained", trained))
    }


def _fed(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The data for `fit`. What Keras makes of arrays on TensorFlow has the autotuner on.

    Its thread sleeps ever longer while the other arms have their turns, and the end of an epoch
    waits for it.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return {"x": x, "y": y, "batch_size": contenders.BATCH}
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(contenders.BATCH).prefetch(2)
    return {"x": data.with_options(options), "shuffle": False}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, help="the file to write")
    parser.add_argument("--network", choices=contenders.EXAMPLES, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    arguments = parser.parse_args(argv)
    import keras

    with tempfile.TemporaryDirectory() as folder:
        measured = measure(arguments.network, arguments.rounds, Path(folder))
    record = {
        "network": arguments.network,
        "backend": keras.backend.backend(),
        "batch": contenders.BATCH,
        "examples": contenders.EXAMPLES[arguments.network],
        **measured,
        "environment": environment(keras.backend.backend()),
    }
    arguments.record.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
