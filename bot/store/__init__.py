"""Tables, queries and the journal: the only SQL on `membrane.db`. The membrane owns the transactions."""
