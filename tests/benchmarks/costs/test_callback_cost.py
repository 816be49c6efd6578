"""The page of the callbacks' cost: costs by round, and verdicts that can miss."""

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


def test_costs_are_medians_over_rounds_and_limits_may_be_missed():
    text = page.text([record()])
    pair, wanted = row(text, page.PAIR), "at most 3% more"
    assert pair[1:6] == ["2.040", "+2.0 %", "+2.0 %", "", f"holds: {wanted}"]
    assert row(text, page.STATISTICS)[2:6] == ["+10.0 %", "+10.0 %", "", f"MISSED: {wanted}"]
    # .3 s beyond none in the middle round, of 1 s.
    assert row(text, page.WHOLE)[4:6] == ["0.30", "holds: at most 50% of the usual way"]
    missed = page.text([record(**{page.WHOLE: [1.6, 2.7, 4.8]})])
    assert row(missed, page.WHOLE)[5].startswith("MISSED")
    assert "784-2048-2048-2048-10, jax" in text
    assert "commit abc" in text


def test_what_is_done_once_an_epoch_weighs_less_in_a_long_one():
    short = record()
    short["times"][page.STATISTICS] = [1.1, 2.2, 4.4]
    short["trained"][page.STATISTICS] = short["trained"][page.NONE]
    # .1 of an epoch's end in 30,000 examples; .9 of it are steps, and MNIST has twice as many.
    assert row(page.text([short]), page.STATISTICS)[2:4] == ["+10.0 %", "+5.3 %"]
