"""Doing a few blocking things at once."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def in_parallel(calls: Sequence[Callable[[], Result]], limit: int) -> list[Result]:
    """The results in the order of the calls, at most `limit` at a time.

    The threads are daemons, so that one that hangs in a driver does not keep the process from ending. What a call raises
    is raised here after all of them have ended; failures that are expected are to be results.
    """
    if len(calls) <= 1:
        return [call() for call in calls]
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for position in range(len(calls)):
        waiting.put(position)
    results: dict[int, Result] = {}
    raised: list[BaseException] = []

    def work() -> None:
        while not raised:
            try:
                position = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                results[position] = calls[position]()
            except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
                raised.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(limit, len(calls)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return [results[position] for position in range(len(calls))]
