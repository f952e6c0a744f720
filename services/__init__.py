"""The running parts of Wirewatch; one package per step, in the order of the diagram."""
