"""Says who is asking."""
