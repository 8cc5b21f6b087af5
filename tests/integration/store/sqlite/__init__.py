"""Tests of promises that only the backend on SQLite makes, and of how SQLite keeps them."""
