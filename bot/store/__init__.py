"""Tables, queries and the journal: the only place with SQL. The membrane owns the transactions."""
