"""What the daemon writes: one JSON object per event and line, each fact once, no secrets. Read as it comes out of a process."""

import json
import subprocess
import sys
from textwrap import dedent, indent

PATIENCE_S = 60


def logged(script: str) -> list[dict]:
    head = """
        import asyncio, structlog
        from datetime import timedelta
        from agent import log
        from agent.config import LogSettings
        from agent.scheduler import Scheduler
        log.configure(LogSettings(format="json", level="debug"))
    """
    program = dedent(head) + dedent(script)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def scheduled(work: str, turns: int) -> list[dict]:
    """`work` is the body of periodic work that is over after so many turns; it calls `turns.release()` in each."""
    return logged(
        f"""
        async def main():
            turns = asyncio.Semaphore(0)
            async def work():
{indent(dedent(work), " " * 16)}
            scheduler = Scheduler()
            scheduler.every(timedelta(milliseconds=10), "chore", work)
            scheduler.start()
            for _ in range({turns}):
                await turns.acquire()
            scheduler.stop()
        asyncio.run(main())
        """
    )


def test_periodic_work_that_fails_is_told_once_and_runs_again():
    first, *others = scheduled("turns.release()\nraise LookupError('no such thing')", 2)
    assert (first["event"], first["job"], first["level"]) == ("periodic work failed", "chore", "error")
    assert "LookupError" in first["error"]
    assert {each["event"] for each in others} <= {"periodic work failed"}


def test_periodic_work_that_is_cut_short_by_the_end_is_no_failure():
    assert scheduled("turns.release()\nawait asyncio.Event().wait()", 1) == []


def test_what_is_secret_by_its_name_is_not_written():
    (told,) = logged('structlog.get_logger("agent").warning("said", password="geheim", token="geheim", element="pe1")')
    assert (told["password"], told["token"], told["element"]) == ("•••", "•••", "pe1")


def test_a_line_break_does_not_make_two_lines():
    (told,) = logged('structlog.get_logger("agent").warning("said", path="/x\\n{}")')
    assert told["path"] == "/x\n{}"
