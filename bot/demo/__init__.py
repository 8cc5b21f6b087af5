"""The demo: a Slack workspace, the bot and a fleet of example agents, on this machine."""
