"""The Ray executor, with a stand-in for Ray that runs each task when its result is asked for."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks.harness.spec import Record
from benchmarks.harness.store import now
from benchmarks.harness.training import on_ray
from benchmarks.harness.training.backend import BackendError
from benchmarks.harness.training.progress import Progress


class RayError(Exception):
    pass


class OutOfMemoryError(RayError):
    pass


class RayTaskError(RayError):
    pass


class Ray:
    """A cluster.

    Args:
        nodes: the resources of each node.
        room: the largest group that fits into memory.
    """

    def __init__(self, nodes, room=100):
        self.exceptions = SimpleNamespace(
            RayError=RayError,
            RayTaskError=RayTaskError,
            RuntimeEnvSetupError=RayTaskError,
            OutOfMemoryError=OutOfMemoryError,
        )
        self.resources = nodes
        self.room = room
        self.started = []  # the size of each group
        self.running = {}  # the group of each task in flight
        self.most_running = 0
        self.connected = False

    def init(self, address, **settings):
        self.connected = True

    def shutdown(self):
        self.connected = False

    def nodes(self):
        return [{"Alive": True, "Resources": node} for node in self.resources]

    def put(self, value):
        return value

    def remote(self, function):
        return self

    def options(self, **options):
        self.asked = options

        def start(shared, group, cores):
            self.started.append(len(group))
            reference = len(self.started)
            self.running[reference] = group
            self.most_running = max(self.most_running, len(self.running))
            return reference

        return SimpleNamespace(remote=start)

    def wait(self, references, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        group = self.running.pop(reference)
        if len(group) > self.room:
            raise OutOfMemoryError("killed on 10.0.0.1, see /tmp/ray/logs")
        return [Record(trial, "ok", finished=now()) for trial in group]


@pytest.fixture
def run(demo, mnist, make_trial, monkeypatch):
    def run(ray, count, gpus_per_group=None, members=None, **params):
        monkeypatch.setitem(sys.modules, "ray", ray)
        experiment = replace(demo, work=replace(demo.work, structure=dict))
        trials = [make_trial(repetition=repetition, **params) for repetition in range(count)]
        progress = Progress(count, demo.label, quiet=True)
        return on_ray.executor(None, gpus_per_group, members)(experiment, trials, mnist, progress)

    return run


def test_without_ray_a_line_says_how_to_install_it(run):
    with pytest.raises(BackendError, match=r"pip install -e '.\[ray\]'"):
        list(run(None, 1))  # None in `sys.modules` makes the import fail


@pytest.mark.parametrize(
    ("nodes", "started", "asked"),
    [
        ([{"CPU": 2}], [8, 2], {"num_cpus": 2}),
        ([{"CPU": 2}, {"CPU": 2}], [5, 5], {"num_cpus": 2}),
        ([{"CPU": 64}], [2] * 5, {"num_cpus": 8}),
        ([{"CPU": 64, "GPU": 2}, {"CPU": 4}], [5, 5], {"num_gpus": 1, "num_cpus": 0}),
    ],
)
def test_groups_are_sized_so_that_every_place_has_work(run, nodes, started, asked):
    ray = Ray(nodes)
    records = list(run(ray, 10))
    assert ray.started == started
    assert ray.asked == {"max_retries": on_ray.RETRIES, **asked}
    assert sorted(record.trial.repetition for record in records) == [*range(10)]
    assert not ray.connected


def test_members_limits_the_size_of_groups(run):
    ray = Ray([{"CPU": 2}])
    assert len([*run(ray, 10, members=4)]) == 10
    assert ray.started == [4, 4, 2]


def test_only_as_many_groups_are_in_flight_as_there_are_places(run):
    ray = Ray([{"GPU": 1}, {"GPU": 1}])
    assert len([*run(ray, 200)]) == 200
    assert ray.most_running == 2


def test_a_trial_on_several_devices_occupies_as_many_gpus(run):
    ray = Ray([{"GPU": 8}])
    assert len([*run(ray, 3, 0.5, devices=4)]) == 3
    assert ray.asked["num_gpus"] == 2
    assert ray.started == [1, 1, 1]


def test_a_group_that_was_killed_for_its_memory_is_halved(run):
    ray = Ray([{"CPU": 1}], room=3)
    records = list(run(ray, 8))
    assert ray.started == [8, 4, 2, 2, 4, 2, 2]
    assert [record.trial.repetition for record in records] == [*range(8)]


def test_a_trial_that_never_fits_leaves_an_error_without_addresses(run):
    records = list(run(Ray([{"CPU": 1}], room=0), 2))
    assert [record.status for record in records] == ["error", "error"]
    assert all("used too much memory" in record.error for record in records)
    assert not any("10.0.0.1" in record.error or "/tmp" in record.error for record in records)


def test_a_machine_that_cannot_train_ends_the_run(run, monkeypatch):
    ray = Ray([{"CPU": 1}])
    error = RayTaskError()
    error.cause = ModuleNotFoundError("No module named 'benchmarks'")

    def fail(reference):
        raise error

    monkeypatch.setattr(ray, "get", fail)
    with pytest.raises(BackendError, match=r"No module named 'benchmarks'.*same commit"):
        list(run(ray, 1))


def test_an_interrupt_disconnects_whereupon_ray_stops_the_tasks(run, monkeypatch):
    ray = Ray([{"CPU": 1}] * 3)

    def interrupted(references, timeout):
        assert ray.connected
        raise KeyboardInterrupt

    monkeypatch.setattr(ray, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(run(ray, 30))
    assert len(ray.running) == 3
    assert not ray.connected
