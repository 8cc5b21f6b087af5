"""Example graphs, as authors write them. The host loads them by path."""
