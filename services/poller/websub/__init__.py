"""Feeds that a hub pushes to us, as W3C WebSub says; the poller is the subscriber."""
