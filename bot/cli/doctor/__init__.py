"""`membrane doctor`: is everything there that the bot needs, and how to mend what is not."""

from bot.cli.doctor.command import doctor

__all__ = ["doctor"]
