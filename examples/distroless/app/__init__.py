"""Greetings in several languages."""
