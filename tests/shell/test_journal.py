"""The journal survives a kill at any byte and never hides a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from hlmm.core.commands import AnyCommand, CancelOrder, PlaceOrder
from hlmm.core.events import AnyEvent, BboChanged, OrderFilled, OrderState, OrderUpdated, StopRequested, Tick
from hlmm.shell.journal import Header, Journal, Reader, truncate
from hlmm.types import Coin, Level, MicroUsd, Ms, Ns, Oid, Px, Side, Sz, Tid, to_cloid

BTC = Coin("BTC")
HEADER = Header(
    run_id="20261122T194600-ab12",
    run_tag=7,
    version="0.1.0",
    mode="sim",
    config_hash="00",
    engine_config="{}",
    started_ns=1,
)
STRANGERS_CLOID = to_cloid(2**127 + 3)
RECORDS: tuple[AnyEvent | AnyCommand, ...] = (
    Tick(ts=Ns(1)),
    BboChanged(ts=Ns(2), venue_ts=Ms(0), coin=BTC, bid=Level(Px(841430), Sz(5)), ask=None),
    PlaceOrder(cloid=to_cloid(9), coin=BTC, side=Side.BID, px=Px(841420), sz=Sz(100)),
    CancelOrder(cloid=to_cloid(8), coin=BTC),
    OrderUpdated(
        ts=Ns(3),
        venue_ts=Ms(1),
        coin=BTC,
        cloid=STRANGERS_CLOID,
        oid=Oid(4),
        side=Side.ASK,
        px=Px(1),
        orig_sz=Sz(1),
        remaining_sz=Sz(1),
        state=OrderState.OPEN,
        word="open",
    ),
    OrderFilled(
        ts=Ns(4),
        venue_ts=Ms(2),
        coin=BTC,
        cloid=to_cloid(9),
        oid=Oid(4),
        tid=Tid(5),
        side=Side.BID,
        px=Px(841420),
        sz=Sz(100),
        fee=MicroUsd(-84),
        start_position=Sz(0),
        crossed=False,
    ),
    StopRequested(ts=Ns(5), reason="done"),
)


def write(path: Path, records: tuple[AnyEvent | AnyCommand, ...], *, clean: bool = True) -> Journal:
    """A journal of these records."""
    journal = Journal(path, HEADER)
    for record in records:
        if isinstance(record, PlaceOrder | CancelOrder):
            journal.commands([record])
        else:
            journal.event(record)  # type: ignore[arg-type]  # the sample holds no other command
    if clean:
        journal.close()
    return journal


def read(path: Path) -> tuple[Reader, list[AnyEvent | AnyCommand]]:
    """Reader after the end, and its records."""
    reader = Reader(path)
    return reader, list(reader)


def test_round_trip(tmp_path: Path) -> None:
    """What was written is read back equal, a 128-bit cloid included, with the footer's hash."""
    journal = write(tmp_path / "j", RECORDS)
    reader, records = read(tmp_path / "j")
    assert reader.header == HEADER
    assert tuple(records) == RECORDS
    assert reader.loss is None
    assert reader.footer is not None
    assert reader.footer.decisions_hash == journal.tally.decisions_hash
    assert (reader.footer.events, reader.footer.commands) == (5, 2)


def test_torn_tail_at_every_byte(tmp_path: Path) -> None:
    """Cut anywhere, a journal gives a prefix of its records, says what it lost, and is whole after truncation."""
    write(tmp_path / "j", RECORDS)
    whole = (tmp_path / "j").read_bytes()
    cut = tmp_path / "cut"
    seen = set()
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        reader, records = read(cut)
        assert tuple(records) == RECORDS[: len(records)]
        assert reader.footer is None
        seen.add(len(records))
        if reader.loss is None:
            continue
        assert reader.loss.kind == "torn"
        assert reader.loss.at_byte + reader.loss.lost_bytes == size
        assert truncate(cut) == reader.loss
        again, kept = read(cut)
        assert again.loss is None
        assert kept == records
    assert sorted(seen) == list(range(len(RECORDS) + 1))


def test_every_changed_byte_is_seen(tmp_path: Path) -> None:
    """Flipping any byte of a clean journal is reported as damage at or before that byte, never as a short run."""
    write(tmp_path / "j", RECORDS)
    whole = (tmp_path / "j").read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        (tmp_path / "x").write_bytes(bytes(changed))
        reader, records = read(tmp_path / "x")
        assert reader.loss is not None, at
        assert reader.loss.at_byte <= at
        assert tuple(records) == RECORDS[: len(records)]


def test_repeated_record_breaks_the_chain(tmp_path: Path) -> None:
    """A record that appears twice does not verify, although its own bytes are intact."""
    write(tmp_path / "j", RECORDS[:1], clean=False)
    one = (tmp_path / "j").read_bytes()
    write(tmp_path / "k", (), clean=False)
    head = (tmp_path / "k").read_bytes()
    (tmp_path / "x").write_bytes(one + one[len(head) :])
    reader, records = read(tmp_path / "x")
    assert len(records) == 1
    assert reader.loss is not None
    assert reader.loss.kind == "damaged"


def test_refuses_an_existing_file(tmp_path: Path) -> None:
    """Two runs never share a journal."""
    write(tmp_path / "j", ())
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "j", HEADER)


def test_unclosed_journal_is_readable(tmp_path: Path) -> None:
    """Every append is visible to a reader at once, before any sync or close."""
    write(tmp_path / "j", RECORDS, clean=False)
    reader, records = read(tmp_path / "j")
    assert tuple(records) == RECORDS
    assert reader.footer is None
    assert reader.loss is None
