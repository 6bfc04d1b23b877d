"""Qualgate: quality management and training in one.

``create_app`` is handed out on first use, so that importing a rule does not start the whole house.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "create_app":
        return import_module("app.factory").create_app
    raise AttributeError(f"module 'app' has no attribute {name!r}")
