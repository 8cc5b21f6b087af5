"""Tables, queries and the journal. The only place that writes SQL; only the membrane owns transactions."""
