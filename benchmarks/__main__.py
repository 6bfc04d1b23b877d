"""Runs every benchmark of this folder: each module with a ``main()``, in the order of their names.

python -m benchmarks [NAME ...]
"""

import importlib
import pkgutil
import sys
from pathlib import Path


def main() -> None:
    """Run the benchmarks named on the command line, or all of them."""
    wanted = {word for word in sys.argv[1:] if not word.startswith("-")}
    sys.argv = [sys.argv[0]]  # each benchmark runs with its defaults
    for module in sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])):
        if module.startswith("_") or (wanted and module not in wanted):
            continue
        run = getattr(importlib.import_module(f"benchmarks.{module}"), "main", None)
        if run is not None:
            print(f"\n== {module} ==", flush=True)
            run()


if __name__ == "__main__":
    main()
