"""Slack as a projection: what people see there, and the way their answers come back."""
