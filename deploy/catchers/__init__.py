"""Servers that take what would be sent and show it: for people, and as doubles in tests."""
