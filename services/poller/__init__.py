"""The poller: fetches feeds and article pages and publishes what is new on `articles`."""
