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
"""How long a file must stand unchanged before the bot reads it."""
SETTLE_LOOSER_S = 5.0
"""The same for a file that is looser than the policy in force."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The present text of a file, or the error of reading it.

    `state` is a hash of the text; `stamp` also changes when the same text is written again. `changed_at` is
    when the file was last written or replaced, by the machine's clock; 0 if there is no file.
    """

    text: bytes | PolicyError
    state: str
    stamp: str
    changed_at: float

    @classmethod
    def of(cls, path: Path) -> Snapshot:
        """Read a file and its metadata."""
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
