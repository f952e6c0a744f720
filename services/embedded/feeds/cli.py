"""The commands below `wirewatch feeds`: arguments in, lines and exit codes out.

0: done. 1: it failed, or something is wrong with a feed. 2: what was asked for is not valid,
and nothing was changed.
"""

import typer

feeds = typer.Typer(help="Feeds: bring them along, add, look at them.", no_args_is_help=True)
