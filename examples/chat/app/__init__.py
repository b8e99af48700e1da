"""A help desk that answers questions from its own knowledge base."""

__version__ = "1.4.0"
