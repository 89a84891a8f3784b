# All commands of the project. `make help` lists them by group.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
export PYTHONPATH := $(CURDIR)
# The pinned tzdata, never the zones of this machine.
export PYTHONTZPATH :=

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)-uv/bin/uv
INSTALLED := $(VENV)/.installed

.PHONY: help
help: ## Develop: Show this list.
	@for group in Run Test Operate Benchmark Develop; do
	    printf '\n%s\n' "$$group"
	    sed -nE "s/^([a-z-]+):.*## $$group: /\1\t/p" $(MAKEFILE_LIST) | awk -F '\t' '{printf "  %-18s %s\n", $$1, $$2}'
	done

$(UV): requirements/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + ": set PYTHON=python3.11, as in: make PYTHON=python3.11 demo")' || exit 2
	rm -rf $(VENV)-uv
	$(PYTHON) -m venv $(VENV)-uv
	$(VENV)-uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock

$(INSTALLED): requirements/dev.lock $(UV)
	@[ -x $(BIN)/python ] || $(UV) venv --quiet --python "$$($(VENV)-uv/bin/python -c 'import sys; print(sys._base_executable)')" $(VENV)
	echo "Installing the locked dependencies (first time: a few minutes)"
	$(UV) pip sync --quiet --python $(BIN)/python requirements/dev.lock
	touch $@

.PHONY: setup
setup: $(INSTALLED) ## Develop: Install the locked dependencies into .venv.

.PHONY: demo
demo: setup web ## Run: Start everything on this machine with simulators and sample dialogs (DATA=file.jsonl.gz).
	@exec $(BIN)/python -m embedded.stack demo --data "$(DATA)"

.PHONY: up
up: setup web ## Run: Start everything on this machine with the real Telegram and OpenRouter (.env).
	@exec $(BIN)/python -m embedded.stack up

.PHONY: doctor
doctor: setup ## Run: Check token, key, models and prices; one line each.
	@exec $(BIN)/python -m bot.doctor

.PHONY: invite
invite: ## Operate: Print a random code for ACCESS_INVITE_CODES.
	@head -c 24 /dev/urandom | base64 | tr '+/' '-_'

.PHONY: smoke
smoke: setup ## Test: Send LIMIT messages of DATA through a temporary stack and compare all counts; prints JSON.
	@exec $(BIN)/python -m embedded.stack smoke --data "$(DATA)" --limit "$(or $(LIMIT),2000)"

.PHONY: recount
recount: setup ## Test: Recompute every figure of the API from a difficult ledger (CASES=300 SEED=n); prints JSON.
	@exec $(BIN)/python -m tests.recount --cases "$(or $(CASES),300)" $(if $(SEED),--seed "$(SEED)")

.PHONY: chaos
chaos: setup ## Test: Fault-injection run on a temporary stack (SEED=1 MINUTES=10 EXTERNAL=1 PLAN=1); prints JSON.
	@exec $(BIN)/python -m tests.chaos --seed "$(or $(SEED),1)" --minutes "$(or $(MINUTES),10)" $(if $(EXTERNAL),--external-postgres) $(if $(PLAN),--plan)

.PHONY: storm
storm: setup ## Test: Run the tests of crashes, concurrent writers and faults at full size (an hour or more).
	STORM=20 $(BIN)/pytest --timeout 3600 tests/pipelines/replication/test_crashes.py tests/pipelines/replication/test_storm.py
	STORM=1000 $(BIN)/pytest --timeout 3600 tests/bot/inbox/test_kills.py tests/bot/telegram/test_faults.py

.PHONY: check-all
check-all: setup web $(VENV)-clients/.installed ## Test: Run the long tests, fault injection and recounts with random seeds (more than three hours).
	$(BIN)/python -m tests.programs
	$(PYTEST) -m long
	PROPERTY_EXAMPLES=20 $(PYTEST) --hypothesis-profile=default tests/warehouse/test_properties.py tests/warehouse/test_additivity.py tests/warehouse/reports/test_people.py tests/warehouse/reports/test_newest_dialogs.py
	$(MAKE) --no-print-directory check-compose
	$(MAKE) --no-print-directory images-check
	$(MAKE) --no-print-directory smoke LIMIT=10000
	for number in 1 2 3; do $(MAKE) --no-print-directory recount CASES=100; done
	$(MAKE) --no-print-directory chaos MINUTES=30 SEED=$$RANDOM
	$(MAKE) --no-print-directory chaos MINUTES=10 SEED=$$RANDOM EXTERNAL=1
	$(MAKE) --no-print-directory storm

.PHONY: bot-tour
bot-tour: setup ## Test: Play a person's day with the bot against the simulators (KILLS=1: killed between the steps); prints the chat, then JSON.
	@exec $(BIN)/python -m tests.tour $(if $(filter-out 0,$(KILLS)),--kills)

.PHONY: soak
soak: setup ## Test: Run steady traffic on a temporary stack and report growing resources (MINUTES=30); prints JSON.
	@exec $(BIN)/python -m tests.soak --minutes "$(or $(MINUTES),30)"

$(VENV)-load/.installed: requirements/load.lock $(UV)
	@[ -x $(VENV)-load/bin/python ] || $(UV) venv --quiet --python "$$($(VENV)-uv/bin/python -c 'import sys; print(sys._base_executable)')" $(VENV)-load
	echo "Installing the client of the load tests"
	$(UV) pip sync --quiet --python $(VENV)-load/bin/python requirements/load.lock
	touch $@

.PHONY: load
load: setup $(VENV)-load/.installed ## Benchmark: Load-test a temporary stack (USERS=30 SECONDS=60 OUT=dir DATA=); prints JSON.
	@exec $(BIN)/python -m benchmarks.load --users "$(or $(USERS),30)" --seconds "$(or $(SECONDS),60)" --out "$(or $(OUT),load-report)" $(if $(DATA),--data "$(DATA)")

$(VENV)-clients/.installed: requirements/clients.lock $(UV)
	@[ -x $(VENV)-clients/bin/python ] || $(UV) venv --quiet --python "$$($(VENV)-uv/bin/python -c 'import sys; print(sys._base_executable)')" $(VENV)-clients
	echo "Installing clients of ClickHouse"
	$(UV) pip sync --quiet --python $(VENV)-clients/bin/python requirements/clients.lock
	touch $@

.PHONY: clients
clients: setup $(VENV)-clients/.installed ## Clients of ClickHouse against the embedded server: Python, Node.js, dbt, MCP, a terminal; JSON last
	@exec $(BIN)/python -m tests.clients

.PHONY: clients-suites
clients-suites: setup $(VENV)-clients/.installed ## The clients' own suites, as a user with GRANT ALL ON *.* (SUITES=folder with the repositories, ONLY=clickhouse-js), JSON last
	@exec $(BIN)/python -m tests.clients.suites --suites "$(SUITES)" $(if $(ONLY),--only "$(ONLY)")

.PHONY: migrate
migrate: setup ## Operate: Migrate both databases (STORE=postgres|clickhouse; SQL=1 only prints the statements).
	@exec $(BIN)/python -m embedded.stack run migrations $(STORE) $(if $(SQL),--sql)

.PHONY: release-dump
release-dump: setup ## Develop: Dump the databases of this version, for migration tests of later versions.
	@exec $(BIN)/python -m tests.migrations.dump

.PHONY: reconcile
reconcile: setup ## Operate: Compare both databases by day and repair differences (FROM=day TO=day); prints JSON.
	@exec $(BIN)/python -m embedded.stack run pipelines.commands.reconcile $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))

.PHONY: backfill
backfill: setup ## Operate: Rebuild the rollups of FROM=day to TO=day; prints the number of different rows as JSON.
	@exec $(BIN)/python -m embedded.stack run pipelines.commands.backfill $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))

.PHONY: proof
proof: setup ## Operate: Check that an erased user is in neither database (PERSON=user_key from the bot's log); prints JSON.
	@exec $(BIN)/python -m embedded.stack run pipelines.commands.erasure_check --person "$(PERSON)"

.PHONY: account
account: setup ## Operate: List the API's accounts, or change one: DO="grant NAME names:read", revoke, disable, enable.
	@exec $(BIN)/python -m embedded.stack run api.accounts $(or $(DO),list)

.PHONY: parked
parked: setup ## Operate: List the updates that could not be processed, or retry some: DO="retry ID ID".
	@exec $(BIN)/python -m embedded.stack run bot.inbox.parked $(or $(DO),list)

.PHONY: load-bot
load-bot: setup ## Benchmark: Many chats at once with slow models (CHATS=1000); prints JSON.
	@exec $(BIN)/python -m benchmarks.bot.chats --chats "$(or $(CHATS),1000)"

$(VENV)-bench/.installed: requirements/bench.lock $(UV)
	@[ -x $(VENV)-bench/bin/python ] || $(UV) venv --quiet --python "$$($(VENV)-uv/bin/python -c 'import sys; print(sys._base_executable)')" $(VENV)-bench
	echo "Installing what replication is compared with"
	$(UV) pip sync --quiet --python $(VENV)-bench/bin/python requirements/bench.lock
	touch $@

.PHONY: bench-rollups
bench-rollups: setup ## Benchmark: Reports of 31 days compared with PostgreSQL and ClickHouse facts (ROWS=10000000 USERS=100000 ROUNDS=7 POSTGRES=0).
	@exec $(BIN)/python -m benchmarks.data.rollups --rows "$(or $(ROWS),10000000)" $(if $(USERS),--users "$(USERS)") $(if $(ROUNDS),--rounds "$(ROUNDS)") $(if $(POSTGRES),--postgres "$(POSTGRES)")

.PHONY: bench-replication
bench-replication: $(VENV)-bench/.installed ## Benchmark: A full copy compared with postgresql(), dlt and pandas (ROWS=3000000 ROUNDS=3 ONLY="ours pull").
	@exec $(VENV)-bench/bin/python -m benchmarks.data.replication --rows "$(or $(ROWS),3000000)" \
	    $(if $(ROUNDS),--rounds "$(ROUNDS)") $(if $(ONLY),--only $(ONLY))

.PHONY: bench-stack
bench-stack: setup web ## Benchmark: Start time, memory, CPU and freshness of the stack (COLD=0 ROWS=10000000, ROWS=0: idle only).
	@exec $(BIN)/python -m benchmarks.stack --cold "$(or $(COLD),1)" --rows "$(or $(ROWS),10000000)" $(if $(BUSY_SECONDS),--busy-seconds "$(BUSY_SECONDS)")

.PHONY: bench-bot
bench-bot: setup ## Benchmark: The bot compared with one without persistence and a bare echo (TURNS=600); prints JSON.
	@exec $(BIN)/python -m benchmarks.bot.turns --turns "$(or $(TURNS),600)"

.PHONY: bench-api
bench-api: setup ## Benchmark: The API compared with routes that only return bytes (ROWS=10000000 POLLED_SECONDS=600).
	@exec $(BIN)/python -m benchmarks.api.answers --rows "$(or $(ROWS),10000000)" $(if $(POLLED_SECONDS),--polled-seconds "$(POLLED_SECONDS)")

.PHONY: rotate-data-key
rotate-data-key: setup ## Operate: Replace DATA_KEY: STEP=next prints a key, STEP=rewrap uses it; prints JSON.
	@exec $(BIN)/python -m embedded.stack run bot.users.key_rotation $(STEP)

.PHONY: lock
lock: $(UV) ## Develop: Pin all dependency groups in requirements/*.lock (UPGRADE=1: newest versions).
	$(UV) pip compile pyproject.toml --universal --generate-hashes --no-header --quiet --python-version 3.11 \
	    --group bench $(if $(UPGRADE),--upgrade,) --output-file requirements/bench.lock
	for group in bot api pipelines migrations embedded load dev; do
	    $(UV) pip compile pyproject.toml --universal --generate-hashes --no-header --quiet --python-version 3.11 \
	        --group $$group --constraint requirements/bench.lock --output-file requirements/$$group.lock
	done
	# The clients' own requirements differ from ours.
	$(UV) pip compile pyproject.toml --universal --generate-hashes --no-header --quiet --python-version 3.11 \
	    --group clients $(if $(UPGRADE),--upgrade,) --output-file requirements/clients.lock

.PHONY: check
check: setup ## Test: Run linters, type checks, import contracts and the check of wording.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync check-types check-lint check-web $(if $(filter test,$(MAKECMDGOALS)),check-collection)

.PHONY: check-types
check-types:
	$(BIN)/mypy

.PHONY: check-lint
check-lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.prose

# Compiles all tests and what they import, beside mypy: else every process of `make test` does so.
.PHONY: check-collection
check-collection:
	@found=$$($(PYTEST) --collect-only --quiet) || { echo "$$found"; exit 2; }

.PHONY: format
format: setup ## Develop: Format the code and apply safe fixes.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The random order is of files and within files; pytest prints the seed that repeats it.
PYTEST := $(BIN)/pytest $(if $(SEED),--randomly-seed=$(SEED))
IN_PARALLEL := --numprocesses $(or $(JOBS),3) --no-loadscope-reorder
MIN_COVERAGE := 90

.PHONY: test
test: setup web ## Test: Run all tests but the long ones (TESTS=path JOBS=3 SEED=n; REQUIRE_ALL=1: skip none).
	@export SKIPPED_FILE=$$(mktemp)
	trap '$(BIN)/python -m tests.programs count "$$SKIPPED_FILE"; rm "$$SKIPPED_FILE"' EXIT
	$(BIN)/python -m tests.programs
	$(PYTEST) $(IN_PARALLEL) $(or $(TESTS),-m "not measures and not long" --cov=bot --cov=api --cov-report=)
	$(if $(TESTS),exit 0)
	$(PYTEST) -m measures $$(grep --recursive --files-with-matches --include='test_*.py' 'mark\.measures' tests)
	for package in bot api; do
	    printf 'Per cent of %s covered: ' $$package
	    $(BIN)/coverage report --format total --include "$$package/*" --fail-under $(MIN_COVERAGE)
	done
	$(MAKE) --no-print-directory test-web-units

.PHONY: test-fast
test-fast: setup ## Test: Run the tests that start no server or other program, in less than a minute.
	@FAST=1 $(PYTEST) --numprocesses 2 --no-loadscope-reorder -r fE -m "not server and not measures and not long"

WEB := dashboards/web
NPM := export PATH="$(CURDIR)/$(BIN):$$PATH"; cd $(WEB); npm --loglevel=error
WEB_SOURCES := $(shell find $(WEB)/src $(WEB)/build $(WEB)/public $(WEB)/index.html $(WEB)/vite.config.ts $(WEB)/tsconfig.json -type f 2>/dev/null)

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json $(WEB)/.npmrc | $(INSTALLED)
	@echo "Installing the locked packages of the dashboard"
	$(NPM) ci
	touch node_modules/.package-lock.json

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo "Building the dashboard"
	$(NPM) run --silent build -- --logLevel warn
	touch dist/index.html

.PHONY: web
web: $(WEB)/dist/index.html ## Develop: Build the dashboard into dashboards/web/dist (Node.js comes from a locked wheel).

.PHONY: check-compose
check-compose: setup ## Test: Check compose files, Dockerfile and ClickHouse configuration; prints JSON.
	@$(BIN)/python -m deploy.check

.PHONY: images-check
images-check: setup ## Test: Build every image with buildah and start its commands (as root; about 5 minutes); prints JSON.
	@$(BIN)/python -m deploy.images_check

COMPOSE := docker compose --file compose.yaml --file compose.prod.yaml $(if $(CLUSTER),--file compose.cluster.yaml)

.PHONY: prod-up
prod-up: ## Operate: Start production from the registry's images (VERSION, IMAGES, DOMAIN in .env; CLUSTER=1).
	@secrets="$${SECRETS_PATH-$$(sed -n 's/^SECRETS_PATH=//p' .env 2>/dev/null | tail -n 1 | tr -d "\"'")}"
	secrets="$${secrets:-./secrets}"
	for name in telegram_token openrouter_api_key; do
	    grep -qs '[^[:space:]]' "$$secrets/$$name" || { echo "SECRETS_PATH: $$secrets/$$name is absent or empty; run deploy/make-secrets.sh and fill in the two it names" >&2; exit 2; }
	done
	$(COMPOSE) pull --quiet
	$(COMPOSE) up --detach

.PHONY: prod-down
prod-down: ## Operate: Stop production; data stays in its volumes.
	$(COMPOSE) down --timeout 35

.PHONY: install-systemd
install-systemd: setup web ## Install for systemd: code in /opt, units in /etc (as root; DESTDIR=directory installs below it)
	@DESTDIR="$(DESTDIR)" UV="$(CURDIR)/$(UV)" PYTHON="$$($(BIN)/python -c 'import sys; print(sys._base_executable)')" deploy/systemd/install.sh

.PHONY: settings
settings: setup ## Develop: Write docs/settings.md and .env.example.
	@$(BIN)/python -m deploy.settings_doc

.PHONY: audit
audit: setup ## Develop: Check all locked packages for known vulnerabilities; prints JSON.
	@$(BIN)/python -m deploy.audit

.PHONY: backup
backup: setup ## Operate: Back up both databases to OUT (BACKUP_PASSPHRASE encrypts; KEYS=dir copies the keys there).
	@$(BIN)/python -m embedded.backup create "$(OUT)" --keys "$(KEYS)"

.PHONY: restore
restore: setup ## Operate: Restore the backup FROM into an empty DATA_DIR (KEYS=dir of its keys).
	@$(BIN)/python -m embedded.backup restore "$(FROM)" --keys "$(KEYS)"

.PHONY: backup-check
backup-check: setup ## Operate: Restore the newest backup in FROM to a temporary place and compare it; prints JSON.
	@$(BIN)/python -m embedded.backup check "$(FROM)" --keys "$(KEYS)"

.PHONY: test-web
test-web: web ## Test: Run the dashboard's unit tests, then Chromium and Firefox with the real API; prints JSON.
	@$(BIN)/python -m tests.programs chromium firefox
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.e2e.web_report

.PHONY: test-web-units
test-web-units: web ## Test: Run the dashboard's unit tests.
	@$(NPM) run --silent test

.PHONY: check-web
check-web: $(WEB)/node_modules/.package-lock.json ## Test: Lint, format and type-check the dashboard, and check its API client.
	@$(NPM) run --silent check

.PHONY: web-shots
web-shots: web ## Develop: Take screenshots of all pages: light, dark, tablet, phone (OUT=directory).
	@$(BIN)/python -m tests.programs chromium
	$(BIN)/python -m tests.e2e.shots "$(or $(OUT),shots)"

.PHONY: metrics
metrics: setup ## Write all that repeats warehouse/metrics.toml, the migration of a new column included
	@$(BIN)/python -m warehouse.generate
	@$(BIN)/python -m migrations.clickhouse.new_columns
	@UPDATE_SNAPSHOTS=1 $(BIN)/pytest -q -k "schema_is_the_one or columns_that_migrations or new_one_is_listed" tests/migrations
	@$(BIN)/python -m dashboards.grafana
	@$(BIN)/python -m api.openapi
	@$(NPM) run api

.PHONY: dashboards
dashboards: setup ## Develop: Write the JSON of Grafana's dashboards.
	@$(BIN)/python -m dashboards.grafana

.PHONY: check-dashboards
check-dashboards: setup ## Test: Run all Grafana panels on a temporary stack with sample rows; prints JSON.
	@exec $(BIN)/python -m dashboards.grafana.check
