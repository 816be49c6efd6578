"""Encodes a record as one line of JSON. Decoding checks every field."""

import hashlib
import json
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from benchmarks.harness.spec import STATUSES, Record, Trial

# To be raised when older code would misread new lines. Lines of schema 1 have no fields `schema`
# and `id`.
SCHEMA = 2


class InvalidRecordError(ValueError):
    """A line is not a valid record; the message names the wrong field."""


class NewerRecordError(ValueError):
    """A line was written by a newer version of this project."""


@dataclass(frozen=True)
class Line:
    """A stored line: a record, or a mark, which says that earlier lines no longer count.

    Args:
        id: the unique identifier of this line, to which marks refer.
        record: the record. A mark is a record with the status "superseded".
        schema: the schema in which the line was written.
        retires: for a mark, the ids of the lines that no longer count. It is None for marks of
            schema 1, which retire the lines of schema 1 that were finished before the mark.
    """

    id: str
    record: Record
    schema: int = SCHEMA
    retires: tuple[str, ...] | None = None


def encode(record: Record, retires: tuple[str, ...] | None = None) -> bytes:
    """Returns one line of JSON. `null` stands for numbers that are not finite: JSON has no NaN.

    Args:
        record: the record.
        retires: for a mark, the ids of the lines that no longer count.
    """

    def rounded(value: float) -> float | None:
        return float(f"{value:.6g}") if math.isfinite(value) else None

    fields = {
        "key": record.trial.key,
        "schema": SCHEMA,
        "id": uuid.uuid4().hex,
        **asdict(record),
        "metrics": {name: rounded(value) for name, value in record.metrics.items()},
        "curves": {name: [rounded(v) for v in values] for name, values in record.curves.items()},
        "times": {name: rounded(value) for name, value in record.times.items()},
    }
    if retires is not None:
        fields["retires"] = list(retires)
    return json.dumps(fields, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Line:
    """Reads one line.

    Raises:
        NewerRecordError: if a newer version of this project wrote it.
        InvalidRecordError: if the line is incomplete or not a valid record.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRecordError("it is not JSON") from error
    if not isinstance(fields, dict):
        raise InvalidRecordError("it is not a JSON object")
    schema = fields.pop("schema", 1)
    if not _is_integer(schema) or schema < 1:
        raise InvalidRecordError(f"`schema` must be a positive integer. Received: {_short(schema)}")
    if schema > SCHEMA:
        raise NewerRecordError(
            f"a newer version of this project wrote it (schema {schema}; this version reads "
            f"schemas up to {SCHEMA})"
        )
    try:
        return _line(fields, schema, hashlib.sha256(line).hexdigest())
    except RecursionError as error:
        raise InvalidRecordError("it is nested too deeply") from error


def _line(fields: dict[str, Any], schema: int, default_id: str) -> Line:
    key = _take(fields, "key", _is_text)
    id_ = _take(fields, "id", _is_text, default_id)
    retires = _take(fields, "retires", _optional(_list_of(_is_text)), None)
    checked = {name: _take(fields, name, check, *default) for name, check, *default in _FIELDS}
    if fields:
        raise InvalidRecordError(f"it has unknown fields: {', '.join(map(_short, fields))}")
    trial = _trial(checked.pop("trial"))
    if trial.key != key:
        raise InvalidRecordError(
            f"`key` must be the key of `trial`, {trial.key}. Received: {_short(key)}"
        )
    record = Record(trial=trial, **checked)
    record = replace(
        record,
        metrics={name: _number(value) for name, value in record.metrics.items()},
        curves={name: [_number(v) for v in values] for name, values in record.curves.items()},
    )
    return Line(id_, record, schema, None if retires is None else tuple(retires))


def _trial(fields: dict[str, Any]) -> Trial:
    fields = dict(fields)
    trial = Trial(**{name: _take(fields, name, check) for name, check in _TRIAL_FIELDS})
    if fields:
        raise InvalidRecordError(f"`trial` has unknown fields: {', '.join(map(_short, fields))}")
    return trial


_REQUIRED = object()


def _take(
    fields: dict[str, Any], name: str, check: Callable[[Any], bool], default: Any = _REQUIRED
) -> Any:
    """Remove a field and return its value. Raises `InvalidRecordError` if `check` rejects it."""
    value = fields.pop(name, default)
    if value is _REQUIRED:
        raise InvalidRecordError(f"`{name}` is missing")
    if not check(value):
        raise InvalidRecordError(f"`{name}` has a wrong type or value. Received: {_short(value)}")
    return value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 2**1000  # it must be convertible to float


def _is_time(value: Any) -> bool:
    """Whether a value is an ISO 8601 time with a time zone."""
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _table_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _is_environment(value: Any) -> bool:
    """Whether a value has the fields of `env.environment`. Later versions may add fields."""
    if not isinstance(value, dict):
        return False
    checks: Mapping[str, Callable[[Any], bool]] = {
        "packages": _table_of(_is_text),
        "cores": _optional(_is_integer),
        "members": _is_integer,
        "classes": lambda value: _is_integer(value) and value > 0,
        **dict.fromkeys(
            ("python", "commit", "backend", "device", "platform", "executor"), _optional(_is_text)
        ),
    }
    return all(check(value[name]) for name, check in checks.items() if name in value)


_FIELDS: tuple[tuple[Any, ...], ...] = (
    ("trial", lambda value: isinstance(value, dict)),
    ("status", lambda value: _is_text(value) and value in STATUSES),
    ("finished", _is_time),
    ("metrics", _table_of(_optional(_is_number))),
    ("curves", _table_of(_list_of(_optional(_is_number)))),
    ("times", _table_of(_optional(_is_number)), {}),
    ("environment", _is_environment, {}),
    ("error", _optional(_is_text), None),
)
_TRIAL_FIELDS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("experiment", _is_text),
    ("version", _is_integer),
    ("profile", _is_text),
    ("dataset", _is_text),
    ("data", _is_text),
    ("seed", _is_integer),
    ("repetition", lambda value: _is_integer(value) and value >= 0),
    ("params", lambda value: isinstance(value, dict)),
)
