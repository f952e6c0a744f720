"""Which reports tell one story: copies are one, reports of one event are grouped. PURE."""
