"""``qualgate export matrix``: the training matrix back to Excel, in the layout of its file or in one of ours."""

from pathlib import Path

import click
from flask import current_app
from sqlalchemy.orm import Session

from app.commands.acting import operating, options, the_app, told
from app.domain.dates import calendar_of
from app.domain.errors import NotAllowed, RuleBroken
from app.safeguards import audit
from app.safeguards.context import current
from app.services.importing import runs
from app.services.matrix_import import copies, stock
from app.services.spreadsheets_writing import Written

NEEDS = ("imports", "add")


@click.group("export")
def group() -> None:
    """Take what is recorded out of the installation, to be edited and imported again."""


@group.command("matrix")
@click.option(
    "--run", "number", type=int, metavar="N", help="The import whose file is taken back. Default: the last one."
)
@click.option("--stock", "layout", type=click.Choice(stock.LAYOUTS), help="A layout of ours instead of the file's own.")
@click.option("--no-marks", is_flag=True, help="Leave changed cells without color and comment.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@options
@told
def matrix(
    number: int | None, layout: str | None, no_marks: bool, out: Path, username: str | None, reason: str | None
) -> None:
    """Write the training matrix with what is recorded now; edit it, import it: only what you edited changes.

    The export itself goes on the trail.
    """
    if number is not None and layout is not None:
        raise click.UsageError("Either --run or --stock, not both.")
    with operating(the_app(), username, reason or "Export of the matrix", NEEDS) as session:
        if not current().may(*NEEDS):
            raise NotAllowed("%(name)s may not export the matrix.", name=current().printed_name)
        written = _written(session, number, layout, marks=not no_marks)
        out.write_bytes(written.data)
        audit.note(session, "export", list="matrix", layout=layout, form=written.suffix, digest=written.digest)
    for note in written.notes:
        click.echo(f"Note: {note}")
    if out.suffix.lower() != f".{written.suffix}":
        click.echo(f"Note: the content of {out.name} is of the kind .{written.suffix}.")
    click.echo(f"{out}: {len(written.data)} bytes.")


def _written(session: Session, number: int | None, layout: str | None, *, marks: bool) -> Written:
    now, zone = current().now(), str(current_app.config["TIME_ZONE"])
    if layout is not None:
        return Written(stock.stock_copy(session, layout, now, calendar_of(zone)), "xlsx")
    if number is not None:
        run = runs.find_run(session, number, ("matrix",))
    else:
        last = copies.committed(session, 1)
        if not last:
            raise RuleBroken(
                "No matrix has been imported yet. Take a layout of ours: --stock functions or --stock people."
            )
        run = last[0]
    return copies.copy_of_run(session, run, now, zone, marks=marks)
