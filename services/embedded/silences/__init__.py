"""`wirewatch silences`: what nobody, or one subscription, is told of until an end."""
