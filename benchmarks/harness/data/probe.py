"""Can a host be reached? Found out in seconds, where a download would try for minutes."""

import queue
import threading
import urllib.error
import urllib.parse
import urllib.request


def why_unreachable(url: str, seconds: float = 4.0) -> str | None:
    """Returns in a few words why `url` cannot be had, or `None` if it answers.

    Proxies named in the environment are used, as a download would use them.

    Args:
        url: of a file; only its headers are asked for.
        seconds: to wait at most, for the name's look-up, connection and answer together.
    """
    answers: queue.Queue[str | None] = queue.Queue()
    # In a thread of its own, because no timeout governs the look-up of a name; and a daemon, so
    # that a look-up which still hangs does not keep the program from ending.
    threading.Thread(target=lambda: answers.put(_ask(url, seconds)), daemon=True).start()
    try:
        fault = answers.get(timeout=seconds)
    except queue.Empty:
        fault = f"no answer within {seconds:g} s"
    return fault and f"{urllib.parse.urlsplit(url).hostname} cannot be reached ({fault})"


def _ask(url: str, seconds: float) -> str | None:
    try:
        request = urllib.request.Request(url, method="HEAD")
        # An opener of its own: `urlopen` keeps the proxies it found when first called.
        with urllib.request.build_opener().open(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP status {error.code}"
    except Exception as error:  # whatever it is: it cannot be reached
        return str(getattr(error, "reason", error)) or type(error).__name__
