"""The index of stored rules: which rules an article meets, without trying each."""
