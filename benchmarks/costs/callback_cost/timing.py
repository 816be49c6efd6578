"""Times one network on the backend of this process. `__main__` starts one process for each.

Every arm is a separate `fit` in a thread. The fits take turns, one batch each, so that all of them
are affected by a slow second of the machine. The first epoch is not counted, because functions are
traced in it.
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
    """Lets threads run one at a time, in a fixed cyclic order."""

    def __init__(self):
        self.condition = threading.Condition()
        self.names: list[str] = []
        self.current = 0

    def wait(self, name: str) -> None:
        with self.condition:
            self.condition.wait_for(lambda: self.names and self.names[self.current] == name)

    def pass_on(self) -> None:
        with self.condition:
            self.current = (self.current + 1) % len(self.names)
            self.condition.notify_all()


def measure(network: str, rounds: int, folder: Path) -> dict[str, dict[str, list[float]]]:
    """Seconds of each arm's epochs, except the first one.

    Returns:
        "times": by arm, the seconds of whole epochs. "trained": by arm, the seconds of their steps
        only.
    """
    import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(contenders.EXAMPLES[network], *contenders.SHAPES[network])).astype(
        "float32"
    )
    y = rng.integers(0, 10, len(x))
    steps = len(x) // contenders.BATCH
    turns = Turns()
    times: dict[str, list[float]] = {}
    trained: dict[str, list[float]] = {}
    failed: list[BaseException] = []

    class Start(keras.callbacks.Callback):
        """The first callback of an arm: waits for its turn, then starts the clock."""

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
        """The last callback of an arm: stops the clock after each batch and after each epoch."""

        def __init__(self, start):
            super().__init__()
            self.start = start

        def stop(self):
            now = time.perf_counter()
            self.start.spent += now - self.start.began
            self.start.began = now

        def on_train_batch_end(self, batch, logs=None):
            np.asarray(logs["loss"])  # wait until JAX, which runs asynchronously, has finished
            self.stop()
            if batch + 1 < steps:
                turns.pass_on()
            else:
                trained[self.start.name].append(self.start.spent)

        def on_epoch_end(self, epoch, logs=None):
            self.stop()
            turns.pass_on()
            times[self.start.name].append(self.start.spent)

    def train(model, start, callbacks):
        try:
            timed = [start, *callbacks, Stop(start)]
            model.fit(**_fit_data(x, y), epochs=1 + rounds, verbose=0, callbacks=timed)
        except BaseException as error:
            failed.append(error)
            start.reached.set()
            raise

    threads = []
    arms = contenders.arms(x, folder)
    for name, callbacks in arms.items():
        keras.utils.set_random_seed(0)
        model = getattr(contenders, network)()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
        start = Start(name)
        times[name], trained[name] = [], []
        thread = threading.Thread(target=train, args=(model, start, callbacks()), daemon=True)
        thread.start()
        start.reached.wait()  # start the next arm when this one has reached its first epoch
        if failed:
            raise failed[0]
        threads.append(thread)
    with turns.condition:
        turns.names = list(arms)
        turns.condition.notify_all()
    while any(thread.is_alive() for thread in threads) and not failed:
        time.sleep(0.2)
    if failed:
        raise failed[0]
    return {
        kind: {name: seconds[1:] for name, seconds in by_arm.items()}
        for kind, by_arm in (("times", times), ("trained", trained))
    }


def _fit_data(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The arguments of `fit` that pass the data, without tf.data's autotuner.

    The autotuner's thread sleeps for longer and longer while the other arms run, and the end of an
    epoch waits for it.
    """
    import keras

    from keras_ddl import feed

    if keras.backend.backend() != "tensorflow":
        return {"x": x, "y": y, "batch_size": contenders.BATCH}
    data = feed.arrays(x, y, batch_size=contenders.BATCH, shuffle=False)
    return {"x": data, "shuffle": False}


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
