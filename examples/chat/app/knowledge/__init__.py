"""Where knowledge comes from, and its formats."""
