"""The demo: a bundled newsroom to watch, and an operator's folder that watches it.

Everything works offline. Every outlet, person and event in it is invented.
"""
