"""`fabd db`: keeping the database."""

from pathlib import Path
from typing import Annotated

import typer

from agent import storage
from agent.cli.command import FAILED, local
from agent.cli.desk import Desk
from agent.cli.options import AsJson, argument
from agent.cli.output import complain, print_json, say
from agent.security.audit import record

app = typer.Typer(no_args_is_help=True, help="Keep the database: make or upgrade it, check it, back it up, restore it.")


@app.command()
@local
def upgrade(desk: Desk) -> None:
    """Make the database, or bring it to this program's version. Back up first."""
    with desk.any_database(must_exist=False) as database:
        before = storage.current_revision(database) if not _is_new(database.url.database) else None
        after = storage.upgrade(database)
        if before != after:
            schemas = {"before": {"schema": before} if before else None, "after": {"schema": after}}
            with database.write() as session:
                record(session, desk.actor, "upgrade", "database", desk.clock.now(), **schemas)
    say(f"the database is at {after}{' already' if before == after else f', before it was {before}' if before else ', new'}")


@app.command()
@local
def check(desk: Desk, as_json: AsJson = False) -> None:
    """Check version, integrity and references; exit code 1 when something is wrong."""
    with desk.any_database(must_exist=True) as database:
        report = storage.check(database)
    if as_json:
        print_json({"revision": report.revision, "head": report.head, "problems": list(report.problems)})
    elif not report.problems:
        say(f"the database is sound, at {report.revision}")
    else:
        complain("\n".join(report.problems))
    if report.problems:
        raise typer.Exit(FAILED)


@app.command()
@local
def backup(desk: Desk, file: Annotated[Path, argument("FILE", "File to write; it must not exist.")]) -> None:
    """Write everything to a file, from one consistent moment; the daemon may run."""
    with desk.any_database(must_exist=True) as database:
        rows = storage.backup(database, file)
    say(f"{rows} rows written to {file}")


@app.command()
@local
def restore(
    desk: Desk,
    file: Annotated[Path, argument("FILE", "A file that `fabd db backup` wrote.")],
) -> None:
    """Fill a new, empty database from a backup, of this or an older version, of SQLite or PostgreSQL."""
    with desk.any_database(must_exist=False) as database:
        rows = storage.restore(database, file)
        with database.write() as session:
            record(session, desk.actor, "restore", "database", desk.clock.now(), after={"file": str(file), "rows": rows})
    say(f"{rows} rows restored from {file}")


def _is_new(path: str | None) -> bool:
    return bool(path) and not Path(str(path)).exists()
