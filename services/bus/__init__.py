"""The bus: a port, its adapters, and what to do with a poisonous record."""
