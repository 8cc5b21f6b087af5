"""Tests of promises that only the SQLite backend makes."""
