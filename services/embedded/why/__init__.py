"""`wirewatch why`: the way of one article, and where it ended."""
