"""The rule engine: an article and a set of watch rules go in, proven matches come out. Pure."""
