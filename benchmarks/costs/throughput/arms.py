"""Who competes, on which networks."""

import itertools
from dataclasses import dataclass

BATCH = 128
INPUTS, CLASSES = 784, 10
NETWORKS = {"wide": (2048, 2048, 2048), "narrow": (256, 256, 256)}
STEPS = {"wide": 96, "narrow": 960}  # of one model in a turn; a population makes them in fewer
COUNTS = (1, 4, 10)  # members of a population


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Args:
        name: as the table prints it.
        kind: "matmul", "fit", "population", "torch" or "jax".
        backend: of Keras, or "" where Keras takes no part.
        members: models that train together.
        jit: what `compile` gets as `jit_compile`.
        feed: whether `fit` gets `keras_ddl.feed.arrays` rather than arrays.
        fused: whether `keras_ddl.optimizers.FusedSGD` takes the place of core's SGD.
        networks: those that it trains.
        share: of the others' steps in a turn.
    """

    name: str
    kind: str
    backend: str = ""
    members: int = 1
    jit: bool | str = "auto"
    feed: bool = False
    fused: bool = False
    networks: tuple[str, ...] = tuple(NETWORKS)
    share: float = 1.0

    @property
    def needs(self) -> list[str]:
        """Packages."""
        return [
            name for name in (self.backend, self.kind) if name in ("tensorflow", "jax", "torch")
        ]

    def steps(self, network: str) -> int:
        """Steps of a turn."""
        return max(1, round(self.share * STEPS[network] / self.members))


MATMUL = Arm("matrix product alone", "matmul")
FIT = Arm("Keras fit, defaults", "fit", "tensorflow")
TORCH = Arm("PyTorch loop", "torch")
ARMS = (
    MATMUL,
    FIT,
    Arm("Keras fit, jit_compile=False", "fit", "tensorflow", jit=False),
    Arm("Keras fit, jit_compile=True", "fit", "tensorflow", jit=True),
    Arm("Keras fit of keras_ddl.feed", "fit", "tensorflow", jit=False, feed=True),
    Arm(
        "Keras fit of keras_ddl.feed, FusedSGD",
        "fit",
        "tensorflow",
        feed=True,
        fused=True,
        jit=False,
    ),
    Arm("Keras fit on JAX, defaults", "fit", "jax"),
    TORCH,
    Arm("JAX scan", "jax"),
    *(
        Arm(f"Population, K = {count}", "population", "tensorflow", count, jit=False, fused=True)
        for count in COUNTS
    ),
    Arm("Population, K = 10, core's SGD", "population", "tensorflow", 10, jit=False),
    # XLA's batched matrix product on a CPU is far too slow for whole turns.
    Arm(
        "Population, K = 4, jit_compile=True",
        "population",
        "tensorflow",
        4,
        jit=True,
        fused=True,
        networks=("narrow",),
        share=1 / 60,
    ),
    *(Arm(f"Population on JAX, K = {count}", "population", "jax", count) for count in COUNTS),
)


def weights(network: str) -> list[tuple[int, int]]:
    """Shapes of the kernels."""
    widths = (INPUTS, *NETWORKS[network], CLASSES)
    return list(itertools.pairwise(widths))


def flops(network: str) -> int:
    """Of the matrix products of one model's step: forward, and two backward.

    The first layer has one less, since nobody wants the gradient of the images.
    """
    products = [3 * fan_in * units for fan_in, units in weights(network)]
    return 2 * BATCH * (sum(products) - products[0] // 3)
