"""The commands of ``qualgate``, an edge like pages and jobs: they name who acts and why, commit once, and print."""
