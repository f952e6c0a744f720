"""How the feeds fare: what is remembered of it, and when the operator is told."""
