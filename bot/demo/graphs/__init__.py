"""Example graphs, as authors would write them. The host loads them by path."""
