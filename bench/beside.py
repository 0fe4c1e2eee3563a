"""A second process on the same database, which carries out what the first one places, as `fabd work` does.

`python -m bench.beside WORKERS` reads the database's URL from its standard input, says when it is at work, and ends with its input.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from subprocess import PIPE, Popen

import structlog

from agent import garbage
from agent.fulfillment.settings import FulfilmentSettings
from bench.instant import fulfilment
from bench.process import stopped
from inventory.db import Database

AT_WORK = "at work"
STOPS_WITHIN = timedelta(seconds=10)


@contextmanager
def beside(database: Database, workers: int) -> Iterator[int]:
    """At work inside: the id of the process."""
    command = [sys.executable, "-m", "bench.beside", str(workers)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as started, stopped(started) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process that carries out has no pipes")
        process.stdin.write(database.url.render_as_string(hide_password=False) + "\n")
        process.stdin.flush()
        if process.stdout.readline().strip() != AT_WORK:
            raise RuntimeError("the process that carries out did not start; it has said why on standard error")
        yield process.pid


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    database = Database(sys.stdin.readline().strip())
    service = fulfilment(database, replace(FulfilmentSettings(), workers=int(sys.argv[1])))
    service.start()
    garbage.settle()
    print(AT_WORK, flush=True)
    sys.stdin.read()  # until nobody holds the other end any more
    service.stop(STOPS_WITHIN)
    database.close()


if __name__ == "__main__":
    main()
