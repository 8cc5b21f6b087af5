"""A policy file as it stands on disk, and how long it must stand unchanged before the bot reads it.

Half of a file can be valid YAML that lacks its last rules. So a file that loosens the policy in force has to
stand unchanged for longer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bot.errors import PolicyError
from bot.policyfile.loading import read

SETTLE_S = 1.0
"""How long a file stands unchanged before it is read."""
SETTLE_LOOSER_S = 5.0
"""How long one that is looser than the policy in force does."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it stands: its text, or why it cannot be read.

    `state` is a hash of that; `stamp` also changes when the file is written again with the same text.
    `changed_at` is when it was last written or replaced, by the machine's clock; 0 where it is not there.
    """

    text: bytes | PolicyError
    state: str
    stamp: str
    changed_at: float

    @classmethod
    def of(cls, path: Path) -> Snapshot:
        """Read a file and what the file system says of it."""
        try:
            text: bytes | PolicyError = read(path)
            found = path.stat()
        except PolicyError as error:
            return cls(error, str(error), str(error), 0.0)
        except OSError as error:
            return cls(b"", str(error), str(error), 0.0)
        assert isinstance(text, bytes)
        state = hashlib.sha256(text).hexdigest()
        stamp = f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{state}"
        return cls(text, state, stamp, max(found.st_mtime, found.st_ctime))
