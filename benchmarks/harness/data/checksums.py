"""Compares files with the published checksums of all known data sets."""

import hashlib
from collections.abc import Mapping

from benchmarks.harness.data.errors import DataError, NotHereError
from benchmarks.harness.data.known import FACTS, Facts


def verify(facts: Facts, origin: str, forms: Mapping[str, bytes]) -> bool:
    """Compares a file with the published checksums.

    Args:
        facts: the data set that was requested.
        origin: the file's path, for messages.
        forms: content by published file name. A file may have several forms, compressed and
            uncompressed. A form for which no checksum is published is not compared.

    Returns:
        True if a published checksum confirms the file; False if none is published for it.

    Raises:
        NotHereError: if the file belongs to another known data set.
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
    # Not used for security, so it must work on systems that forbid md5 for security, too.
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _owner(md5: str) -> tuple[Facts, str] | None:
    for facts in FACTS.values():
        for file, known in facts.md5.items():
            if known == md5:
                return facts, file
    return None
