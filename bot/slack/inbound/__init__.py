"""What comes from Slack: clicks over a socket or over HTTP, and the answers to them."""
