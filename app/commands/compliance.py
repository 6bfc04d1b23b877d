"""``qualgate compliance``: who is qualified for what, as of any instant, as known at any instant."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

import config
from app.commands.acting import operating, the_app, told
from app.reports import compliance
from app.reports.tables import File
from app.reports.words import framed
from app.reports.writing import CONTENT_TYPES, write


class Instant(click.ParamType):
    """An ISO day, meaning the midnight that starts it in QUALGATE_TIME_ZONE, or an instant with its offset."""

    name = "ISO"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant in UTC; end the command with a usage error for anything else."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if len(text) <= 10:
                day = date.fromisoformat(text)
                return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(config.TIME_ZONE)).astimezone(UTC)
            instant = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is neither a day like 2026-08-05 nor an instant like 2026-08-05T14:30+02:00.")
        if instant.tzinfo is None:
            self.fail(f"{text!r} lacks its offset from UTC. Write it like 2026-08-05T14:30+02:00, or only the day.")
        return instant.astimezone(UTC)


@click.command("compliance")
@click.option("--as-of", "at", type=Instant(), help="What was true then. A day means its first instant. Default: now.")
@click.option("--known-at", type=Instant(), help="Use only what had been recorded by then. Default: now.")
@click.option("--all", "not_required", is_flag=True, help="Add items trained on without being required (not_required).")
@click.option("--function", metavar="CODE", help="Only people in this job function.")
@click.option("--department", metavar="CODE", help="Only people in this department.")
@click.option("--site", metavar="CODE", help="Only people who are members of this site.")
@click.option("--client", metavar="CODE", help="Only items of this client, or required by its matrix rows.")
@click.option("--person", metavar="NO", help="Only the person with this employee number.")
@click.option("--item", metavar="CODE", help="Only this item.")
@click.option("--format", "form", type=click.Choice(["json", *CONTENT_TYPES]), default="json", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file. Default: print.")
@click.option("--as", "username", metavar="USERNAME", envvar="QUALGATE_OPERATOR", help="The login that asks.")
@told
def command(
    at: datetime | None,
    known_at: datetime | None,
    not_required: bool,
    function: str | None,
    department: str | None,
    site: str | None,
    client: str | None,
    person: str | None,
    item: str | None,
    form: str,
    out: Path | None,
    username: str | None,
) -> None:
    """Print who is qualified for what, with the reasons, as of any instant.

    Statuses: qualified, due_soon, assigned, overdue, expired, exempt, on_leave and, with --all, not_required.
    """
    named = (("job_function", function), ("department", department), ("site", site))
    question = compliance.Question(
        at, known_at, tuple((kind, code) for kind, code in named if code), client, person, item, not_required
    )
    with operating(the_app(), username, None, ("compliance", "read")) as session:
        rows = compliance.ask(session, question)
        if form == "json":
            text = json.dumps([row.as_json() for row in rows], ensure_ascii=False, indent=2)
            file = File("compliance.json", "application/json", (text + "\n").encode(), "")
        else:
            paper = framed(session, compliance.report(rows, question), config.COMPANY_NAME)
            file = write(paper, form)
    deliver(file, out)


def deliver(file: File, out: Path | None) -> None:
    """Write a file to ``out``, or print it; binary formats are not thrown at a terminal."""
    if out is not None:
        out.write_bytes(file.data)
        click.echo(f"{out}: {len(file.data)} bytes", err=True)
        return
    if file.content_type.startswith(("text/", "application/json")) or not sys.stdout.isatty():
        sys.stdout.buffer.write(file.data)
        return
    raise click.UsageError("Name a file with --out; this format is not for a terminal.")
