"""What is in stock, and questions about it."""

import jmespath
import numpy
from greenlet import greenlet
from zope.event import notify
from zope.interface import Interface, implementer


class ICount(Interface):
    """Something that can be counted."""

    def total() -> int:
        """How many there are."""


@implementer(ICount)
class Shelf:
    """Boxes in a row, each with so many pieces."""

    def __init__(self, pieces: list[int]) -> None:
        self.pieces = numpy.asarray(pieces, dtype=numpy.int64)

    def total(self) -> int:
        notify(self)
        return int(self.pieces.sum())


SHELVES = {"bolts": Shelf([12, 30, 5]), "nuts": Shelf([100, 20])}


def in_stock() -> dict[str, int]:
    """The number of pieces by name, counted in a greenlet of its own."""
    return greenlet(lambda: {name: shelf.total() for name, shelf in SHELVES.items()}).switch()


def ask(expression: str) -> object:
    """The answer to a JMESPath expression over the stock."""
    return jmespath.search(expression, {"stock": in_stock()})
