"""The commands. `membrane --help` lists them; each is imported only when it is asked for.

Exit codes: 0 all is well; 1 something was found (a problem, a broken journal, a policy that does not load);
2 the command or a setting is wrong; 3 the database cannot be used, or another bot has it.
"""

from bot.cli.entry import main

__all__ = ["main"]
