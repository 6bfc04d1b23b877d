"""``qualgate audit``: verify the trail, export it for the stand-alone verifier, and make a checkpoint."""

import json
from pathlib import Path

import click

from app.commands.acting import Refused, operating, options, the_app, told
from app.domain.errors import NotAllowed
from app.extensions import db
from app.reports.compliance import unit_id
from app.safeguards import audit, checkpoints, signer_of
from app.safeguards.context import current
from app.services import trail, trail_export
from app.services.trail import Verdict


@click.group("audit")
def group() -> None:
    """Prove that nobody touched the records: verify or export the audit trail."""


@group.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--every-signature", is_flag=True, help="Check each link's signature, also before the last checkpoint.")
@click.option("--as", "username", metavar="USERNAME", envvar="QUALGATE_OPERATOR", help="The login that asks.")
@told
def verify(as_json: bool, every_signature: bool, username: str | None) -> None:
    """Verify the hash chain, the signatures and checkpoints, and replay the trail against every live row.

    Exit 0: sound. Exit 1: each finding is named with its kind, table, row and entry.
    """
    app = the_app()
    folder = Path(app.config["CHECKPOINT_FOLDER"])
    keys = trail.read_public_keys(Path(app.config["TRAIL_KEY_FILE"]).parent)
    notes = trail.read_notes(folder) if folder.is_dir() else {}
    with operating(app, username, None, ("trail", "verify")), db.engine.connect() as connection:
        verdict = trail.verify(connection, keys, notes, every_signature=every_signature)
    if as_json:
        click.echo(json.dumps(verdict.as_dict(), ensure_ascii=False, indent=2))
    _tell(verdict, as_json)


def _tell(verdict: Verdict, as_json: bool) -> None:
    if not as_json:
        for notice in verdict.notices:
            click.echo(f"Note: {notice}")
        for finding in verdict.findings:
            click.echo(str(finding), err=True)
    if not verdict.sound:
        raise Refused(f"The trail is not sound: {len(verdict.findings)} findings.")
    if not as_json:
        click.echo(
            f"Sound: {verdict.entries} entries in {verdict.links} links agree with {verdict.rows} rows. "
            f"Seal {verdict.seal}."
        )


@group.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--client", metavar="CODE", help="Tell this client's entries only; of all others their hash alone.")
@options
@told
def export(file: Path, client: str | None, username: str | None, reason: str | None) -> None:
    """Write the trail as JSON lines to FILE (gzip when it ends in .gz), to be checked by verify_trail.py.

    The export itself goes on the trail.
    """
    app = the_app()
    folder = Path(app.config["CHECKPOINT_FOLDER"])
    notes = trail.read_notes(folder) if folder.is_dir() else {}
    with operating(app, username, reason or "Export of the trail", ("trail", "export")) as session:
        context = current()
        if not context.may("trail", "export"):
            raise NotAllowed("%(name)s may not export the audit trail.", name=context.printed_name)
        client_id = unit_id(session, "client", client) if client else None
        with db.engine.connect() as connection:
            told_lines = trail_export.export(connection, file, context, notes, client_id)
        audit.note(session, "export", list="trail", form="jsonl", rows=told_lines["entries"], client=client)
    click.echo(
        f"{file}: {told_lines['entries']} entries in {told_lines['links']} links. Check: python verify_trail.py {file}"
    )


@group.command("checkpoint")
@options
@told
def checkpoint(username: str | None, reason: str | None) -> None:
    """Sign the head of the trail and put it into the folder of checkpoints, best on another host."""
    app = the_app()
    with operating(app, username, reason or "Checkpoint of the trail", ("trail", "verify")) as session:
        signer = signer_of(session)
        assert signer is not None, "the application has its key"
        note = checkpoints.make_checkpoint(session, signer, Path(app.config["CHECKPOINT_FOLDER"]))
    click.echo(note.text, nl=False)
