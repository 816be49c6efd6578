"""Packages that only pictures and pages need."""

import importlib


def optional(module, user):
    """A module that the library does without.

    Args:
        module: its name.
        user: who needs it, for the message.

    Raises:
        ImportError: if it is not installed, saying how to mend that.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{user} needs {package}, which is not installed. Install it with "
            f"`pip install {package}`, or everything for reports with "
            "`pip install 'keras-ddl[report]'`."
        ) from error


def pyplot_figure(user, **options):
    """A matplotlib figure that belongs to no window, for `user`."""
    return optional("matplotlib.figure", user).Figure(layout="constrained", **options)
