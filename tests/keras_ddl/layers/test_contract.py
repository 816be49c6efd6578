"""Every public layer keeps the contract. A new layer is covered by a line in CASES."""

import pytest

from keras_ddl import layers
from tests.keras_ddl.layers.contract import CHECKS, Case, applies

CASES = [
    Case("Maxout", lambda: layers.Maxout(2), (4, 6), masks=True),
    Case("Maxout", lambda: layers.Maxout(3), (4, 4, 6), channels_first=lambda: layers.Maxout(3, 1)),
    Case("MaxoutDense", lambda: layers.MaxoutDense(2, 3), (4, 3), masks=True),
    Case("MaxoutDense", lambda: layers.MaxoutDense(3, use_bias=False), (3,)),
    Case("MaxoutConv2D", lambda: layers.MaxoutConv2D(2, 3, strides=2, padding="same"), (5, 5, 2)),
    Case(
        "VariableDropout",
        lambda: layers.VariableDropout(0.4, seed=1),
        (4, 3),
        masks=True,
        random=True,
    ),
]
PAIRS = [(case, check) for case in CASES for check in CHECKS if applies(check, case)]


@pytest.mark.parametrize(
    ("case", "check"), PAIRS, ids=[f"{case.covers}-{check.__name__}" for case, check in PAIRS]
)
def test_contract(case, check):
    check(case)


def test_the_table_covers_every_public_layer():
    assert {case.covers for case in CASES} == set(layers.__all__)
