# Each of these is spelled out in the README as well.
VENV := .venv
PYTHON := $(VENV)/bin/python
NPM_STAMP := .make/assets
.PHONY: demo test lint bench assets translations lock clean

$(VENV)/.ready: pyproject.toml requirements.lock
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(NPM_STAMP): package-lock.json app/assets.py app/static/icons.txt $(VENV)/.ready
	$(PYTHON) -m app.assets
	mkdir -p .make && touch $@

translations/.compiled: $(wildcard translations/*/LC_MESSAGES/*.po) $(VENV)/.ready
	$(VENV)/bin/pybabel -q compile -d translations
	touch $@

assets: $(NPM_STAMP)
translations: translations/.compiled

demo: $(VENV)/.ready $(NPM_STAMP) translations/.compiled
	$(VENV)/bin/qualgate demo --serve

lint: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy -p app

test: lint $(NPM_STAMP) translations/.compiled
	$(PYTHON) -m pytest -n 2 --dist worksteal

bench: $(VENV)/.ready
	$(PYTHON) -m benchmarks

lock: pyproject.toml
	$(VENV)/bin/pip-compile -q --strip-extras --extra dev --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .make node_modules app/static/vendor translations/.compiled
