"""Rule matching beside Lucene Monitor: `python -m bench.match --help`, and bench/README.md."""
