"""What stands in the place of a data set where a trial draws its own numbers."""


class RandomNumbers:
    """No data: each trial draws numbers with its own seeds.

    Args:
        data_dir: not used; experiments pass it to every data set.
    """

    name, title, source = "random", "random numbers", "drawn by each trial"
    fingerprint = "none"
    num_classes = 0

    def __init__(self, data_dir: str | None = None):
        del data_dir
