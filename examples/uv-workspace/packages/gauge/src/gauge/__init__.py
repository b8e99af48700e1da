"""A service that converts readings of gauges."""
