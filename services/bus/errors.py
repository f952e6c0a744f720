"""The failures that stages and adapters speak of beside those of the port.

Decides what each failure asks of the caller: put aside, start over or call somebody.
What passes by waiting is a DependencyUnavailableError and needs no name here.
"""


class PoisonError(Exception):
    """A record that can never be processed, however often it is tried; the text says why."""


class FencedError(Exception):
    """A consumer commits or reads that does not (or no longer) hold its partition.

    Whoever holds it reads the record again, so nothing is lost; the one fenced off starts
    over. A handler raises it too, when it finds that another one has taken over its work.
    """


class BusInUseError(Exception):
    """Another process consumes from this bus file; only one at a time may."""


class BusFileError(Exception):
    """The bus file is not one, is damaged, or was written by a later version.

    Waiting does not help: an operator must look.
    """
