"""``qualgate import``: lists and grids from files, checked as a whole before anything is written."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from flask import current_app

from app.commands import matrix
from app.commands.acting import Refused, need_reason, operating, options, the_app, told
from app.commands.progress import progress
from app.models.importing import ImportRun
from app.services import importing
from app.services.importing import commit
from app.services.importing.plan import Plan
from app.services.importing.reading import read_table

SHOWN = 40
"""Changes that are printed one by one without --json."""

HELP = {
    "units": "Sites, departments, job functions, equipment, clients … (kind,code,name,site,client).",
    "people": "People and their employment (employee_no,name,email,site,supervisor_no,languages,hired_on,left_on).",
    "memberships": "Who belongs where, from when to when (employee_no,kind,code,from,to).",
    "documents": "Items and their versions, one line per version.",
    "requirements": "Rows of the training matrix.",
    "completions": "Training that took place, with its true dates.",
    "exemptions": "Who need not be trained on an item (employee_no,item,from,to,reason).",
    "leaves": "Absences (employee_no,from,to,kind).",
    "orders": "Training ordered for a person (employee_no,item,placed_at,due_on,suspends,source).",
}


@click.group("import")
def group() -> None:
    """Import lists and training matrices from CSV or Excel files. Nothing is written unless all is right."""


def _command(kind: str) -> click.Command:
    @click.command(kind, help=HELP[kind] + " A dry run unless --commit is given.")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--dry-run", is_flag=True, help="Only check and say what would change (the default).")
    @click.option("--commit", "write", is_flag=True, help="Write it, all or nothing. Needs --reason.")
    @click.option("--sheet", metavar="NAME", help="The sheet of a workbook. Default: the first one with data.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @options
    @told
    def command(**given: Any) -> None:
        run_import(kind, **given)

    return command


for _kind in importing.KINDS:
    group.add_command(_command(_kind))
group.add_command(matrix.command)


@group.command("template", help="Print the header row of an empty list, to be filled in a spreadsheet.")
@click.argument("kind", type=click.Choice(list(importing.KINDS)))
def template(kind: str) -> None:
    """Print the template of one kind."""
    click.echo(importing.template(kind), nl=False)


def run_import(
    kind: str, file: Path, dry_run: bool, write: bool, sheet: str | None, as_json: bool,
    username: str | None, reason: str | None,
) -> None:  # fmt: skip
    """Check a file and, with ``write``, import it; print what happened. Exits with 1 when anything is wrong."""
    if dry_run and write:
        raise click.UsageError("Either --dry-run or --commit, not both.")
    why = need_reason(reason) if write else None
    run: ImportRun | None = None
    with progress(as_json) as telling:
        table = read_table(file.name, file.read_bytes(), sheet, telling)
        with operating(the_app(), username, why, commit.COMMIT) as session:
            check: Callable[[], Plan] = partial(
                importing.check, session, kind, table, current_app.config["TIME_ZONE"], file.resolve().parent
            )
            telling("comparing", 0, 0)
            if why:
                plan, run = commit.check_and_write(session, check, why, telling)
            else:
                plan = check()
            result = commit.as_json(plan, run, committed=bool(why) and not plan.errors)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    if plan.errors:
        _tell_errors(plan, as_json)
    if not as_json:
        _tell(plan, bool(why))


def _tell_errors(plan: Plan, as_json: bool) -> None:
    """Name every wrong cell, then say in one line that nothing was imported."""
    if not as_json:
        for problem in plan.errors[:-1] if len(plan.errors) == 1 else plan.errors:
            click.echo(str(problem), err=True)
    count = len(plan.errors)
    if count == 1:
        raise Refused(f"{plan.errors[0]} Nothing was imported.")
    raise Refused(f"{plan.sheet.table.file}: {count} errors. Nothing was imported.")


def _tell(plan: Plan, written: bool) -> None:
    for problem in plan.warnings:
        click.echo(f"Note: {problem}")
    for detail in plan.details[:SHOWN]:
        pairs = detail.fields.items()
        fields = "; ".join(f"{name}: {before or '–'} → {after or '–'}" for name, (before, after) in pairs)
        click.echo(f"{detail.action:9} {detail.what}{' (' + fields + ')' if fields else ''}, {detail.place}")
    if (rest := len(plan.details) + plan.left_out - SHOWN) > 0:
        click.echo(f"… and {rest} more")
    counts = ", ".join(
        f"{noun}: " + " ".join(f"{number} {action}" for action, number in sorted(counts.items()))
        for noun, counts in plan.counts.items()
    )
    click.echo(f"{plan.sheet.table.file}: {len(plan.sheet)} rows. {counts or 'nothing to do'}.")
    if not plan.changes:
        click.echo("Nothing changes: all of it is recorded already.")
    elif written:
        click.echo("Imported.")
    else:
        click.echo("Nothing was written. To import it: the same command with --commit --reason TEXT")
