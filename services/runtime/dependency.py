"""What a failing dependency is called, whichever it is."""


class DependencyUnavailableError(Exception):
    """Something this process needs (bus, database) cannot do its work now.

    The text names it and the cause. Callers wait, visibly, and try again: it never turns
    into a skipped message.
    """
