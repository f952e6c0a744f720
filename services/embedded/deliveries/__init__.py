"""`wirewatch deliveries`: what was sent, what waits, what was given up, and what to do about it."""
