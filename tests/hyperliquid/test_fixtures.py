"""Recorded venue messages against the schema: decoded strictly and encoded again, nothing is lost."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest

from hlmm.hyperliquid import schema_table
from tests.hyperliquid.recordings import FOLDER, LEFT_OUT, Recording, everything
from tests.shared import needs_shared


def recoded(recording: Recording) -> bytes:
    """A recorded message through the schema."""
    raw = json.dumps(recording.value).encode()
    match recording.form:
        case "info":
            return schema_table.recode_info(recording.kind, raw)
        case "answer":
            return schema_table.recode_answer(raw)
        case _:
            return schema_table.recode_frame(raw)


@needs_shared
def test_recordings_decode_without_loss() -> None:
    """Every recorded message decodes strictly and encodes to the same JSON up to key order."""
    failures: list[str] = []
    seen: Counter[str] = Counter()
    for recording in everything():
        seen[recording.form] += 1
        try:
            same = json.loads(recoded(recording)) == recording.value
        except (msgspec.ValidationError, ValueError) as error:
            failures.append(f"{recording.source} {recording.kind}: {error}")
        else:
            failures += [] if same else [f"{recording.source} {recording.kind}: not the same"]
    assert failures == []
    assert seen["info"] > 100
    assert seen["answer"] > 20
    assert seen["frame"] > 80


@needs_shared
def test_no_recording_is_forgotten() -> None:
    """Every recorded file is decoded, or left out for a stated reason."""
    used = {recording.source for recording in everything()}
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert files - used == set(LEFT_OUT)


@pytest.mark.parametrize(
    ("frame", "place"),
    [
        (b'{"channel":"bbo","data":{"coin":"BTC","time":1,"bbo":[null,null],"seq":7}}', "seq"),
        (b'{"channel":"bbo","data":{"coin":"BTC","time":1,"bbo":[{"px":"1","sz":"1.0","n":1},null]}}', "bbo"),
        (b'{"channel":"bbo","data":{"coin":"BTC","bbo":[null,null]}}', "time"),
        (b'{"channel":"liquidations","data":{}}', "liquidations"),
    ],
)
def test_deviations_are_named(frame: bytes, place: str) -> None:
    """An unknown field, a number of another form, a missing field and an unknown channel are each named."""
    with pytest.raises((msgspec.ValidationError, ValueError), match=place):
        schema_table.recode_frame(frame)
