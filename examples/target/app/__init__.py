"""A function, and what calls it."""
