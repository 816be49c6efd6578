"""The page about the cost of the callbacks: its table shows costs and limits."""

from benchmarks.costs.callback_cost import page


def record(**times):
    times = {
        page.NONE: [1.0, 2.0, 4.0],
        page.PAIR: [1.02, 2.04, 4.04],
        page.STATISTICS: [1.0, 2.2, 4.4],
        page.WHOLE: [1.1, 2.3, 4.3],
        page.USUAL: [2.0, 3.0, 5.0],
        **times,
    }
    packages = {"jax": "0.1", "keras": "3.0"}
    environment = {"packages": packages, "device": "a CPU", "cores": 2, "commit": "abc"}
    return {
        "network": "mlp",
        "backend": "jax",
        "batch": 128,
        "examples": 30_000,
        "times": times,
        "trained": {name: [0.9 * seconds for seconds in spent] for name, spent in times.items()},
        "environment": environment,
    }


def row(text, name):
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_costs_are_medians_over_rounds_and_stand_beside_limits():
    text = page.text([record()])
    assert row(text, page.PAIR)[1:6] == ["2.040", "+2.0 %", "+2.0 %", "", "3%"]
    assert row(text, page.STATISTICS)[2:6] == ["+10.0 %", "+10.0 %", "", "3%"]
    # Of the middle round: .3 s more than without callbacks; the usual way takes 1 s more.
    assert row(text, page.WHOLE)[4:6] == ["0.30", "50%"]
    assert row(text, page.NONE)[5] == ""
    assert "784-2048-2048-2048-10, jax" in text
    assert "commit abc" in text


def test_the_time_at_an_epochs_end_is_a_smaller_share_of_a_longer_epoch():
    short = record()
    short["times"][page.STATISTICS] = [1.1, 2.2, 4.4]
    short["trained"][page.STATISTICS] = short["trained"][page.NONE]
    # In an epoch of 30,000 examples, the end adds .1 s to 1 s, of which .9 s are steps. An epoch of
    # MNIST has twice as many steps and the same end: .1 / 1.9.
    assert row(page.text([short]), page.STATISTICS)[2:4] == ["+10.0 %", "+5.3 %"]
