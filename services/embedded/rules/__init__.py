"""`wirewatch rules`: lint, test, explain and preview watch rules."""
