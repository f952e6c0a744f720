"""Pushing put together: what is served to hubs, and the part that keeps subscriptions going."""

from services.poller.surroundings import Surroundings
from services.poller.websub.book import Book
from services.poller.websub.callback import BodyLimits, Callback
from services.poller.websub.counted import start_at_zero
from services.poller.websub.hub import SEGMENT
from services.poller.websub.pushes import Pushes
from services.poller.websub.questions import Questions
from services.poller.websub.worker import HubWorker
from services.runtime.lifecycle import Part
from services.runtime.process import Process


def websub_part(process: Process, around: Surroundings, book: Book, pushes: Pushes) -> Part:
    """The part `websub`; its callbacks are served from now on."""
    start_at_zero(around.metrics)
    questions = Questions(around.database, book, around.metrics, around.clock)
    limits = BodyLimits(process.settings.feed_max_bytes)
    callback = Callback(around.database, questions, pushes, around.metrics, limits)
    process.routes.serve(SEGMENT, callback.answer)
    return HubWorker(around, book, pushes).run
