"""How fast the whole poller is, beside a bare aiohttp loop that does only the GETs."""
