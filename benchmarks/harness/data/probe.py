"""Tells within seconds whether a host answers; a download would retry for minutes."""

import queue
import threading
import urllib.error
import urllib.parse
import urllib.request


def why_unreachable(url: str, seconds: float = 4.0) -> str | None:
    """Returns in a few words why `url` cannot be reached, or `None` if its host answers.

    Proxies from the environment are used, as a download uses them.

    Args:
        url: the address of a file; only its headers are requested.
        seconds: the longest wait for name look-up, connection and answer together.
    """
    answers: queue.Queue[str | None] = queue.Queue()
    # A separate thread, because the look-up of a name has no timeout. It is a daemon, so that a
    # look-up that hangs does not prevent the program from ending.
    threading.Thread(target=lambda: answers.put(_ask(url, seconds)), daemon=True).start()
    try:
        fault = answers.get(timeout=seconds)
    except queue.Empty:
        fault = f"no answer within {seconds:g} s"
    return fault and f"{urllib.parse.urlsplit(url).hostname} cannot be reached ({fault})"


def _ask(url: str, seconds: float) -> str | None:
    try:
        request = urllib.request.Request(url, method="HEAD")
        # A new opener, because `urlopen` keeps the proxies of its first call.
        with urllib.request.build_opener().open(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP status {error.code}"
    except Exception as error:  # any error means that the host cannot be reached
        return str(getattr(error, "reason", error)) or type(error).__name__
