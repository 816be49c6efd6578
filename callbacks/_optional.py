"""Optional packages, which only images and HTML pages need."""

import importlib


def optional(module, user):
    """Import a module from an optional package.

    Args:
        module: the name of the module.
        user: the name of the class or function that needs it, for the error message.

    Raises:
        ImportError: if it is not installed. The message says how to install it.
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
    """A matplotlib figure without a window. `user` is the name for the error message."""
    return optional("matplotlib.figure", user).Figure(layout="constrained", **options)
