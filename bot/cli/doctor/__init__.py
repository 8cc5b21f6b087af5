"""`membrane doctor`: is everything there that the bot needs, and how to correct what is not."""
