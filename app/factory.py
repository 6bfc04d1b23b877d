"""``create_app``: wires everyone, decides nothing."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from flask import Flask
from flask_appbuilder import AppBuilder
from werkzeug.middleware.proxy_fix import ProxyFix

import config
from app import safeguards, views
from app.extensions import csrf, db
from app.safeguards.keys import Signer, create_key, load_key
from app.views import acting, errors, headers
from app.views.security import QualgateSecurityManager


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """Return the application with ``settings`` laid over ``config.py``.

    Starts no scheduler and makes no tables: ``qualgate init`` does the latter, ``qualgate serve`` the former.
    """
    app = Flask("app", root_path=str(Path(__file__).parent))
    app.config.from_object(config)
    app.config.update(settings or {})
    app.config["SECRET_KEY"] = app.config["SECRET_KEY"] or config.secret_key(Path(app.config["INSTANCE_FOLDER"]))
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    csrf.init_app(app)
    db.init_app(app)
    with app.app_context():
        safeguards.install(db.session, db.engine, signer(Path(app.config["TRAIL_KEY_FILE"])))
        acting.install(app)
        headers.install(app)
        appbuilder = AppBuilder(app, db.session, security_manager_class=QualgateSecurityManager)
        for module in view_modules():
            module.register(appbuilder)
        errors.install(app)
    return app


def signer(key_file: Path) -> Signer:
    """Return the signer of the trail; its key is made the first time."""
    return load_key(key_file) if key_file.is_file() else create_key(key_file)


def view_modules() -> list[ModuleType]:
    """Return the modules of ``app.views`` that register pages, in the order of their ``ORDER``, then by name."""
    found = [import_module(f"app.views.{info.name}") for info in iter_modules(views.__path__)]
    return sorted(
        (module for module in found if hasattr(module, "register")),
        key=lambda module: (getattr(module, "ORDER", 500), module.__name__),
    )
