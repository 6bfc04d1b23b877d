"""Settings of an installation, each from the environment, with a default and why it is so.

Flask reads the upper-case names. A test checks that ``docs/settings.md`` explains every one of them.
"""

import os
import secrets
import stat
from datetime import timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent


def _flag(name: str, default: bool) -> bool:
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def secret_key(folder: Path) -> str:
    """Return the key kept in ``folder`` in a file that only the owner can read; make it the first time."""
    path = folder / "secret_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


# Where all that belongs to this installation lives: beside the sources, or where an installed Qualgate is started.
_HOME = HERE if (HERE / "pyproject.toml").is_file() else Path.cwd()
INSTANCE_FOLDER = Path(os.environ.get("QUALGATE_INSTANCE", _HOME / "instance")).resolve()
# SQLite needs no server; PostgreSQL serves several hosts: postgresql+psycopg://user@host/name
SQLALCHEMY_DATABASE_URI = os.environ.get("QUALGATE_DATABASE_URL", f"sqlite:///{INSTANCE_FOLDER / 'qualgate.db'}")
# Files by their SHA-256, outside the web root.
FILE_FOLDER = Path(os.environ.get("QUALGATE_FILES", INSTANCE_FOLDER / "files"))
# Signs every link of the audit trail; outside the database, readable by the owner only.
TRAIL_KEY_FILE = Path(os.environ.get("QUALGATE_TRAIL_KEY", INSTANCE_FOLDER / "trail_key.pem"))
# Where signed checkpoints of the trail are put; best a folder of another host.
CHECKPOINT_FOLDER = Path(os.environ.get("QUALGATE_CHECKPOINTS", INSTANCE_FOLDER / "checkpoints"))
# Signs session cookies and form tokens; left empty, a key is made once and kept in the instance folder.
SECRET_KEY = os.environ.get("QUALGATE_SECRET_KEY", "")
# The zone of days where no site says otherwise.
TIME_ZONE = os.environ.get("QUALGATE_TIME_ZONE", "UTC")
# Shown in the page head and on paper.
COMPANY_NAME = os.environ.get("QUALGATE_COMPANY", "Qualgate")
APP_NAME = "Qualgate"
# Behind TLS the cookies are Secure and the browser is told to stay on TLS.
HTTPS = _flag("QUALGATE_HTTPS", False)
# How many proxies in front of us are trusted to tell the client's address.
TRUSTED_PROXIES = int(os.environ.get("QUALGATE_TRUSTED_PROXIES", "0"))

# Cross-site request forgery protection is always on; a form stays valid as long as its session.
WTF_CSRF_TIME_LIMIT = None
SESSION_COOKIE_NAME = "__Host-qualgate" if HTTPS else "qualgate"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
# A session ends after this many idle minutes, and at the latest after so many hours (21 CFR 11.10(d)).
SESSION_IDLE_MINUTES = int(os.environ.get("QUALGATE_IDLE_MINUTES", "15"))
SESSION_HOURS = int(os.environ.get("QUALGATE_SESSION_HOURS", "12"))
PERMANENT_SESSION_LIFETIME = timedelta(hours=SESSION_HOURS)
# Wrong passwords in a row before the login is locked, and for how long.
LOGIN_ATTEMPTS = int(os.environ.get("QUALGATE_LOGIN_ATTEMPTS", "5"))
LOCK_MINUTES = int(os.environ.get("QUALGATE_LOCK_MINUTES", "15"))
# Failed signings in a row before signing is locked and security is told (SIG-3; the stricter of 3 and 10).
SIGNING_ATTEMPTS = int(os.environ.get("QUALGATE_SIGNING_ATTEMPTS", "3"))
# Former passwords that may not come back; days until a password expires (0: never, ASVS 6.2.10).
PASSWORD_HISTORY = int(os.environ.get("QUALGATE_PASSWORD_HISTORY", "8"))
PASSWORD_MIN_LENGTH = int(os.environ.get("QUALGATE_PASSWORD_MIN_LENGTH", "10"))
PASSWORD_EXPIRES_DAYS = int(os.environ.get("QUALGATE_PASSWORD_EXPIRES_DAYS", "0"))
# Everybody needs a second factor.
REQUIRE_SECOND_FACTOR = _flag("QUALGATE_REQUIRE_SECOND_FACTOR", False)
# The largest file that is taken in, in bytes.
MAX_CONTENT_LENGTH = int(os.environ.get("QUALGATE_MAX_UPLOAD_MB", "64")) * 1024 * 1024

# An upload is read while the page waits, for so many seconds; what takes longer gets a page that shows progress.
IMPORT_WAIT_SECONDS = float(os.environ.get("QUALGATE_IMPORT_WAIT", "1"))
# How much disk the cells and readings of large imports may take between pages, in MB.
IMPORT_CACHE_MB = int(os.environ.get("QUALGATE_IMPORT_CACHE_MB", "2000"))

# Mail; without a host, mails wait in the outbox.
MAIL_HOST = os.environ.get("QUALGATE_MAIL_HOST", "")
MAIL_PORT = int(os.environ.get("QUALGATE_MAIL_PORT", "25"))
MAIL_FROM = os.environ.get("QUALGATE_MAIL_FROM", "qualgate@localhost")
MAIL_USER = os.environ.get("QUALGATE_MAIL_USER", "")
MAIL_PASSWORD = os.environ.get("QUALGATE_MAIL_PASSWORD", "")
MAIL_STARTTLS = _flag("QUALGATE_MAIL_STARTTLS", False)
# Put into links of mails.
BASE_URL = os.environ.get("QUALGATE_BASE_URL", "http://127.0.0.1:8000")

# Languages that are complete; a person chooses, else the browser does.
LANGUAGES = {"en": {"flag": "us", "name": "English"}, "es": {"flag": "es", "name": "Español"}}
BABEL_DEFAULT_LOCALE = "en"
BABEL_DEFAULT_FOLDER = "translations"
BABEL_TRANSLATION_DIRECTORIES = str(HERE / "translations")

# Flask-AppBuilder is the shell, never the guard: tables and permissions are made by `qualgate init`.
AUTH_TYPE = 1
AUTH_USER_REGISTRATION = False
FAB_CREATE_DB = False
FAB_UPDATE_PERMS = False
FAB_ADD_SECURITY_API = False
FAB_ADD_SECURITY_VIEWS = True
FAB_API_SWAGGER_UI = False
FAB_ADD_MENU_API = False
FAB_ADD_OPENAPI_VIEWS = False
FAB_PASSWORD_COMPLEXITY_ENABLED = False
FAB_INDEX_VIEW = "app.views.home.HomeView"
# Ours: so many tries to sign in from one address; with several hosts, name a shared store such as redis://host.
AUTH_RATE_LIMITED = False
AUTH_RATE_LIMIT = os.environ.get("QUALGATE_LOGIN_RATE", "30 per minute")
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = os.environ.get("QUALGATE_RATE_STORE", "memory://")
# Hashing is slow on purpose; tests make it fast.
FAB_PASSWORD_HASH_METHOD = os.environ.get("QUALGATE_PASSWORD_HASH", "scrypt")
SQLALCHEMY_TRACK_MODIFICATIONS = False
# A database connection waits for another writer rather than fail.
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": not SQLALCHEMY_DATABASE_URI.startswith("sqlite")}
