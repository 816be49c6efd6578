"""The report of `lsuv_init`."""

from dataclasses import dataclass

CONVERGED = "converged"
NOT_CONVERGED = "not converged"
DEAD = "dead"
NOT_FINITE = "not finite"
FROZEN = "frozen"
REFUSED = "refused"


@dataclass(frozen=True)
class LayerReport:
    """The result of `lsuv_init` for one layer.

    Args:
        name: the layer's path in the model.
        variance_before: the variance before `lsuv_init`, on the first few examples.
        variance_after: the variance after `lsuv_init`.
        iterations: the number of times the kernel was rescaled.
        status: "converged", "not converged", "dead" (zero variance at any scale), "not finite" (NaN
            or infinite signals), "frozen" or "refused" (the kernel cannot be scaled). A layer with
            one of the last four was not rescaled.
        note: the reason for the status, or an empty string.
    """

    name: str
    variance_before: float
    variance_after: float
    iterations: int
    status: str
    note: str = ""

    @property
    def converged(self) -> bool:
        """Whether the layer's variance is within the tolerance."""
        return self.status == CONVERGED


@dataclass(frozen=True)
class LSUVReport:
    """The result of `lsuv_init` for all layers. Printing it shows a table.

    Args:
        layers: tuple of `LayerReport`, in execution order.
        target_variance, tolerance, measure: the arguments of `lsuv_init`.
    """

    layers: tuple[LayerReport, ...]
    target_variance: float
    tolerance: float
    measure: str

    @property
    def converged(self) -> bool:
        """Whether all layers that are not frozen converged."""
        return all(layer.converged for layer in self.layers if layer.status != FROZEN)

    def __str__(self):
        rows = [("layer", "before", "after", "iterations", "status")]
        for layer in self.layers:
            status = f"{layer.status}: {layer.note}" if layer.note else layer.status
            numbers = f"{layer.variance_before:.4g}", f"{layer.variance_after:.4g}"
            rows.append((layer.name, *numbers, str(layer.iterations), status))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{row[0]:<{widths[0]}}  "
            + "  ".join(
                f"{cell:>{width}}" for cell, width in zip(row[1:4], widths[1:], strict=True)
            )
            + f"  {row[4]}"
            for row in rows
        ]
        title = (
            f"LSUV: {self.measure.replace('_', '-')} variance {self.target_variance:g} "
            f"± {self.tolerance:g}"
        )
        return "\n".join([title, *lines])
