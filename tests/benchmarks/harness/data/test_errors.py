import pickle

from benchmarks.harness.data.errors import DataError, NotFoundError


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(NotFoundError("story", ["one", "two"])))

    assert isinstance(error, DataError)
    assert (str(error), error.reasons) == ("story", ["one", "two"])
