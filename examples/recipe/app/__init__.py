"""The stock of a small warehouse, as a web service."""
