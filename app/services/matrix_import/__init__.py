"""Imports the matrix a company already has, as it is: read, recognize, match, dry run, commit, export (IMP-1 to IMP-6).

The public door for the command line and the pages. ``read_and_recognize`` needs no database; ``dry_run`` compares with
what is recorded and writes nothing; ``commit`` writes all or nothing.
"""

from app.services.matrix_import.commit import commit, dry_run, first_dry_run
from app.services.matrix_import.contents import contents_of
from app.services.matrix_import.mapping import clean_choices, fingerprint, load_mapping, read_mapping_file, remember
from app.services.matrix_import.matching import Match, Matches, match
from app.services.matrix_import.recognizing import Recognized, read_and_recognize, recognize_again, to_json
from app.services.matrix_import.saying import Contents

__all__ = [
    "Contents",
    "Match",
    "Matches",
    "Recognized",
    "clean_choices",
    "commit",
    "contents_of",
    "dry_run",
    "fingerprint",
    "first_dry_run",
    "load_mapping",
    "match",
    "read_and_recognize",
    "read_mapping_file",
    "recognize_again",
    "remember",
    "to_json",
]
