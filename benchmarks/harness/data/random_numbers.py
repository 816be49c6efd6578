"""The data set of experiments whose trials draw random numbers."""


class RandomNumbers:
    """A data set without data: each trial draws its numbers from its seeds.

    Args:
        data_dir: not used; the harness passes it to every data set.
    """

    name, title, source = "random", "random numbers", "drawn by each trial"
    fingerprint = "none"
    num_classes = 0

    def __init__(self, data_dir: str | None = None):
        del data_dir
