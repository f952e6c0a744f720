"""The notifier: what is told to whom, in which words, and through which channel."""
