"""The ``qualgate`` command. Each command has its own ``--help``; ``docs/commands.md`` explains them all."""

import click

from app.commands import compliance, exporting, importing, installation, serving, trail
from app.commands.acting import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="qualgate", prog_name="qualgate")
def main() -> None:
    """Qualgate: quality management and training in one."""


COMMANDS = (
    installation.init,
    installation.upgrade,
    installation.create_admin,
    importing.group,
    exporting.group,
    compliance.command,
    installation.reconcile,
    installation.check,
    trail.group,
    serving.demo_command,
    serving.serve,
    serving.scheduler_command,
)

for _command in COMMANDS:
    main.add_command(_command)
