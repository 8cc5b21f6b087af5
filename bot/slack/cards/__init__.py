"""What messages and modals look like. Nothing here calls Slack or reads the database."""
