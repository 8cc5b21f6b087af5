"""The commands. `membrane --help` lists them; each is imported only when it runs.

Exit codes: 0 no problem; 1 a problem was found (a broken journal, a policy that does not load);
2 the command or a setting is wrong; 3 the database cannot be used, or another bot uses it.
"""

from bot.cli.entry import main

__all__ = ["main"]
