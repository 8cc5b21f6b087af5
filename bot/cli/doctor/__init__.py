"""`membrane doctor`: check everything that the bot needs, and say how to fix problems."""
