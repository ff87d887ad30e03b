"""Other readers' turns: a long page is made in pieces, between which the server answers others.

Everything that makes pages runs in one thread. Without this a page of 2,000 rows, which takes a second
or more, held up every other answer for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from itertools import count

ROWS, CELLS = 2, 40  # after so many comes the others' turn, a millisecond or two later
_cells = count(1)


class Turn:
    """A request's turn to make a costly answer: a place among those that are made or sent, and the turn itself.

    A reader who takes an answer slowly keeps the place, which is memory, but not the turn, which is time.
    """

    status = False  # whether wrong SQL must be told by the answer's status alone, since its form has no place for it

    def __init__(self, places: asyncio.Semaphore, turns: asyncio.Semaphore):
        self._wanted, self._held, self._taking = (places, turns), [], asyncio.Lock()

    async def take(self) -> None:
        """Wait for both, unless they are had."""
        async with self._taking:
            for each in self._wanted[len(self._held) :]:
                await each.acquire()
                self._held.append(each)

    def began(self) -> None:
        """Give the turn to another: the answer is made."""
        if len(self._held) == len(self._wanted):
            self._held.pop().release()

    def over(self) -> None:
        """Give back all that is had."""
        while self._held:
            self._held.pop().release()


async def in_turns(rows: Iterable) -> AsyncIterator:
    """The rows, for a template; every few of them others come first."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % ROWS == 0:
            await asyncio.sleep(0)


def after_cell() -> Coroutine | None:
    """Something to wait for after every so many cells: it lets others come first. Else nothing."""
    return None if next(_cells) % CELLS else asyncio.sleep(0)
