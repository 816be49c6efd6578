"""The arms that are compared, and the networks that they train."""

import itertools
from dataclasses import dataclass

BATCH = 128
CLASSES = 10
COUNT = 10  # members of a population


@dataclass(frozen=True)
class Network:
    """A network that the arms train.

    Args:
        title: heading on the page.
        kind: "mlp", "cnn" or "lstm".
        steps: training steps in a turn, summed over the models of an arm.
        shape: of one example.
        widths: units of the hidden layers of a multilayer perceptron.
    """

    title: str
    kind: str
    steps: int
    shape: tuple[int, ...]
    widths: tuple[int, ...] = ()

    @property
    def kernels(self) -> list[tuple[int, int]]:
        """The shapes of the kernels of a multilayer perceptron."""
        return list(itertools.pairwise((*self.shape, *self.widths, CLASSES)))

    @property
    def flops(self) -> int | None:
        """FLOP of the matrix products for one example: one forward and two backward.

        The first layer has one product less, because the gradient of the images is not needed.
        None for networks with other layers.
        """
        if self.kind != "mlp":
            return None
        products = [3 * fan_in * units for fan_in, units in self.kernels]
        return 2 * (sum(products) - products[0] // 3)


def _mlp(width: int, steps: int) -> Network:
    widths = (width,) * 3
    return Network("-".join(map(str, (784, *widths, 10))), "mlp", steps, (784,), widths)


NETWORKS = {
    "mlp-64": _mlp(64, 800),
    "mlp-256": _mlp(256, 300),
    "mlp-512": _mlp(512, 120),
    "mlp-2048": _mlp(2048, 40),
    "cnn": Network("CNN: two convolutions, 28x28x1", "cnn", 40, (28, 28, 1)),
    "lstm": Network("LSTM of 128 units, 28 steps of 28", "lstm", 40, (28, 28)),
}
MLPS = tuple(name for name, network in NETWORKS.items() if network.kind == "mlp")


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Args:
        name: first column of the table.
        kind: "population", or a key of `worker.KINDS`.
        backend: Keras' backend, or "" if the arm does not use Keras.
        members: number of models that train together.
        executor: executor of a population.
        cores: number of cores that the process may use. None: all.
        feed: whether `fit` gets `keras_ddl.feed.arrays` instead of arrays.
        execution: `steps_per_execution` of `compile`.
        networks: names of the networks that it trains.
    """

    name: str
    kind: str
    backend: str = ""
    members: int = 1
    executor: str = "auto"
    cores: int | None = None
    feed: bool = False
    execution: int = 1
    networks: tuple[str, ...] = tuple(NETWORKS)

    @property
    def needs(self) -> list[str]:
        """The packages that the arm needs."""
        packages = (
            self.backend,
            {"scan": "jax", "loop": "torch", "ensemble": "torch"}.get(self.kind),
        )
        return [name for name in packages if name]

    def steps(self, network: str) -> int:
        """Training steps of each model in a turn."""
        return max(1, NETWORKS[network].steps // self.members)


TITLES = {"tensorflow": "TensorFlow", "jax": "JAX"}
MATMUL = Arm("matrix product alone", "matmul")
FIT = Arm("Keras fit", "fit", "tensorflow")
SCAN = Arm("JAX scan of one model, written by hand", "scan", networks=MLPS)


def population(backend: str, executor: str = "spread", cores: int | None = None) -> Arm:
    """A population of `COUNT` members."""
    limited = {None: "", 1: ", on one core"}.get(cores, f", on {cores} cores")
    return Arm(
        f"Population, {executor}, {TITLES[backend]}{limited}",
        "population",
        backend,
        COUNT,
        executor,
        cores,
        networks=MLPS if executor == "map" else tuple(NETWORKS),
    )


ARMS = (
    MATMUL,
    FIT,
    Arm("Keras fit, 20 steps an execution", "fit", "tensorflow", execution=20),
    Arm("Keras fit of keras_ddl.feed", "fit", "tensorflow", feed=True),
    Arm("Keras fit, a process on each core", "processes", "tensorflow"),
    Arm("Keras fit, JAX", "fit", "jax"),
    Arm("Keras fit, JAX, 20 steps an execution", "fit", "jax", execution=20),
    Arm("Keras fit, JAX, a process on each core", "processes", "jax"),
    Arm("PyTorch loop", "loop", networks=MLPS),
    Arm("PyTorch, torch.func ensemble", "ensemble", members=COUNT, networks=MLPS),
    SCAN,
    *(
        population(backend, executor)
        for backend in TITLES
        for executor in ("spread", "map", "loop")
    ),
    *(population(backend, cores=1) for backend in TITLES),
)
BY_NAME = {arm.name: arm for arm in ARMS}
