"""Says where it is."""
