"""The bot reads each backup again; one that a bad disk spoiled is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from bot.errors import StoreError
from bot.store import backup, files
from tests.integration.store.making import a_journal

WRITTEN = files.written


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
        + content[middle + 64 :]
    )


@pytest.mark.parametrize("name", ["backup.tar", "backup.tar.gz"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(flipped, id="flipped"),
        pytest.param(lambda content: content[: len(content) // 2], id="cut off"),
        pytest.param(lambda content: b"x" * len(content), id="something else"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_a_backup_that_reads_differently_than_written_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, spoil: Callable[[bytes], bytes]
) -> None:
    @contextmanager
    def on_a_bad_disk(path: Path) -> Iterator[IO[bytes]]:
        with WRITTEN(path) as out:
            yield out
        path.write_bytes(spoil(path.read_bytes()))

    folder, target = tmp_path / "data", tmp_path / "backups" / name
    target.parent.mkdir()
    asyncio.run(a_journal(folder / "membrane.db", 4))
    monkeypatch.setattr(files, "written", on_a_bad_disk)
    with pytest.raises(StoreError, match=r"backup\.tar.* does not read as it was written .*look at its disk"):
        backup.make(folder, target, 1.0)
    assert list(target.parent.iterdir()) == []
