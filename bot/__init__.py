"""Checkpoint Membrane: a Slack-native reviewer bot for AI agents."""
