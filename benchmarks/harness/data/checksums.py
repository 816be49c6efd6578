"""Is this file the published one? And if not, is it one of another dataset?"""

import hashlib
from collections.abc import Mapping

from benchmarks.harness.data.errors import DataError, NotHereError
from benchmarks.harness.data.known import FACTS, Facts


def verify(facts: Facts, origin: str, forms: Mapping[str, bytes]) -> bool:
    """Compares a file with the published checksums.

    Returns whether there is one for it: it is then the published file.

    Args:
        facts: the dataset asked for.
        origin: the file, for messages.
        forms: content by published file name. One file may come in several forms, packed and
            unpacked; a form for which no checksum is published is not compared.

    Raises:
        NotHereError: if it is a file of another known dataset.
        DataError: if a checksum differs.
    """
    received = {name: _md5(content) for name, content in forms.items()}
    owners = {name: _owner(md5) for name, md5 in received.items()}
    for owner, file in filter(None, owners.values()):
        if owner.name != facts.name:
            raise NotHereError(f"{origin} is {owner.title}'s {file}, not {facts.title}'s")
    for name, md5 in received.items():
        expected = facts.md5.get(name, md5)
        if md5 != expected:
            known = owners[name]
            which = f" (that is {facts.title}'s {known[1]})" if known else ""
            raise DataError(
                f"{origin} is not {facts.title}'s {name}: it is damaged or was changed. "
                f"Expected: md5 {expected}. Received: md5 {md5}{which}."
            )
    return any(name in facts.md5 for name in received)


def _md5(content: bytes) -> str:
    # A published checksum, not a defence: allowed also where md5 is banned for security.
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _owner(md5: str) -> tuple[Facts, str] | None:
    for facts in FACTS.values():
        for file, known in facts.md5.items():
            if known == md5:
                return facts, file
    return None
