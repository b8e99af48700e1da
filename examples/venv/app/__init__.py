"""Short notes, kept in a database."""
