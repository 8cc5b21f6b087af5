"""What goes to Slack: which message next, where to, at which pace, and what to do when Slack refuses it."""
