"""Converts lengths, and counts how often."""
