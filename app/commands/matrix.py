"""``qualgate import matrix``: the training matrix as the company keeps it, recognized, checked, imported."""

import json
from pathlib import Path
from typing import Any

import click
from flask import current_app
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.commands.acting import Refused, need_reason, operating, options, the_app, told
from app.commands.progress import progress
from app.extensions import db
from app.safeguards.context import system_clock
from app.services import matrix_import
from app.services.importing.commit import COMMIT
from app.services.importing.working import Telling
from app.services.matrix_import import effects
from app.services.matrix_import.commit import DryRun
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.rehearsal import Effect


@click.command("matrix")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sheet", metavar="NAME", help="Only this sheet. Default: all of them.")
@click.option(
    "--mapping",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Corrections as JSON or TOML; see docs/importing.md.",
)
@click.option("--dry-run", is_flag=True, help="Only recognize and say what would change (the default).")
@click.option("--commit", "write", is_flag=True, help="Write it, all or nothing. Needs --reason.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@options
@told
def command(**given: Any) -> None:
    """Import a training matrix as it lies on the share: xlsx, xlsm, xls, ods, csv, tsv.

    The sheets are recognized without asking; what is not understood is named by sheet and cell.
    """
    run_matrix(**given)


def run_matrix(
    file: Path,
    sheet: str | None,
    mapping: Path | None,
    dry_run: bool,
    write: bool,
    as_json: bool,
    username: str | None,
    reason: str | None,
) -> None:
    """Recognize a file and, with ``write``, import it; print what was understood and what changes."""
    if dry_run and write:
        raise click.UsageError("Either --dry-run or --commit, not both.")
    why = need_reason(reason) if write else None
    given = matrix_import.read_mapping_file(mapping) if mapping else None
    with progress(as_json) as telling:
        found = _recognized(file, sheet, given, telling)
        app = the_app()
        with app.app_context():
            installed = inspect(db.engine).has_table("requirements")
        if why is None and not installed:
            with app.app_context():
                result = matrix_import.first_dry_run(found, current_app.config["TIME_ZONE"], system_clock())
            _tell(found, result, None, None, as_json, False)
            return
        with operating(app, username, why, COMMIT) as session:
            result, effect, run = _worked_out(session, found, file, why, telling)
    _tell(found, result, effect, run, as_json, why is not None)


def _recognized(file: Path, sheet: str | None, mapping: dict[str, Any] | None, telling: Telling) -> Recognized:
    def tick(done: int, total: int) -> bool:
        telling("reading", done, total)
        if total and done >= total:
            telling("recognizing", 0, 0)
        return True

    return matrix_import.read_and_recognize(file, sheet=sheet, mapping=mapping, tick=tick)


def _worked_out(
    session: Session, found: Recognized, file: Path, why: str | None, telling: Telling
) -> tuple[DryRun, Effect | None, int | None]:
    """The dry run with its effect; with a reason it is written, and the number of the import comes third."""
    zone = current_app.config["TIME_ZONE"]
    if why is not None:
        telling("writing", 0, 0)
        result, run = matrix_import.commit(session, found, file.read_bytes(), reason=why, zone=zone)
        return result, None, None if run is None else run.id
    telling("comparing", 0, 0)
    result = matrix_import.dry_run(session, found, None, zone)
    return result, None if result.open else effects.effect_of(session, found, result, zone), None


def _tell(
    found: Recognized, result: DryRun, effect: Effect | None, run: int | None, as_json: bool, written: bool
) -> None:
    refused = effects.findings(result, left_out=False)
    document = matrix_import.to_json(found, result.changes.counts(), [*result.matches.unresolved(), *refused])
    document["left_out"] = [str(phrase) for phrase in effects.left_open(result)]
    document["effect"] = None if effect is None else effects.as_json(effect)
    if as_json:
        if run is not None:
            document["import_id"] = run
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for sheet in document["sheets"]:
        about = f"{len(sheet['subjects'])} × {len(sheet['items'])}" if sheet["subjects"] else "–"
        sure = f"{round(100 * sheet['confidence'])} % sure"
        click.echo(f"{sheet['name']}: {sheet['verdict']} ({about}, {sure}). {sheet['reasons'][0]}")
    for question in document["unresolved"][:40]:
        click.echo(f"? {question['sheet']} {question['cell'] or ''} {question['value']}: {question['problem']}")
    counts = "; ".join(
        f"{kind}: " + ", ".join(f"{number} {action}" for action, number in numbers.items())
        for kind, numbers in document["changes"].items()
    )
    click.echo(f"{counts}.")
    for phrase in effects.left_open(result) if effect is None else effects.sentences(result, effect):
        click.echo(f"- {phrase}")
    if written and run is None:
        click.echo("Nothing changes: all of it is recorded already.")
    elif written:
        click.echo("Imported.")
    elif not any(sheet["subjects"] for sheet in document["sheets"]):
        raise Refused(f"{found.file}: no sheet holds a training matrix. Nothing was written.")
    else:
        click.echo("Nothing was written. To import it: the same command with --commit --reason TEXT")
