"""Launcher: ``python app.py`` is the development server on 127.0.0.1:8000. ``import app`` is always the package."""

from app import create_app

if __name__ == "__main__":
    create_app().run(host="127.0.0.1", port=8000)
