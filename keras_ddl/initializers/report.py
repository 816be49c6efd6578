"""What `lsuv_init` did to each layer."""

from dataclasses import dataclass

CONVERGED = "converged"
NOT_CONVERGED = "not converged"
DEAD = "dead"
NOT_FINITE = "not finite"
FROZEN = "frozen"
REFUSED = "refused"


@dataclass(frozen=True)
class LayerReport:
    """What `lsuv_init` did to one layer.

    Args:
        name: the layer's path in the model.
        variance_before: the variance in the model as it was given, on the first few examples.
        variance_after: the variance as it is now.
        iterations: how often the kernel was rescaled.
        status: "converged", "not converged", "dead" (zero variance, whatever the scale),
            "not finite" (NaN or infinite signals), "frozen" or "refused". Kernels of the last four
            were not rescaled.
        note: why, in words; empty if converged.
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
    """What `lsuv_init` did, layer by layer in execution order; printed, a table.

    Args:
        layers: tuple of `LayerReport`.
        target_variance, tolerance, measure: as they were given.
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
