# The words a person guesses. Each does all the set-up it needs; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build test lint check format demo sandbox interop bench ci clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: node_modules/.package-lock.json ## generate, type-check and compile into dist/
	@npm run --silent build

test: build ## unit and flow tests; ARGS is handed to jest: make test ARGS=scope
	@npm run --silent jest -- $(ARGS)

lint: build ## format, lint and dead code
	@npm run --silent lint

check: test lint ## all that a commit needs

format: node_modules/.package-lock.json ## rewrite the sources in their one format
	@npm run --silent format

demo: build ## a server and an embedded GitHub: tokens traded before your eyes
	@npm run --silent demo

sandbox: build ## the same server, staying up, with commands to paste
	@npm run --silent sandbox

interop: build ## real clients: grpc-go, grpcurl, curl (needs Go)
	@test/interop/run

bench: build ## what an exchange costs, beside the floor; ARGS="--short" for a minute or two (needs Go)
	@command -v go >/dev/null || { echo 'Go is missing: the load generator needs version 1.26 or newer (https://go.dev/dl)' >&2; exit 1; }
	@node -e 'const [major, minor] = process.argv[1].slice(2).split(".").map(Number); process.exit(major > 1 || minor >= 26 ? 0 : 1)' "$$(go env GOVERSION)" \
		|| { echo "$$(go env GOVERSION) is too old: the load generator needs Go 1.26 or newer (https://go.dev/dl)" >&2; exit 1; }
	@npm run --silent bench -- $(ARGS)

ci: ## what CI runs, from nothing to the count of passed and failed
	@.ci/run

clean: ## remove what was made, keep what was downloaded
	@rm -rf dist src/gen test/interop/gen

# npm writes this file last, so it is older than the lock file exactly when an install is due.
node_modules/.package-lock.json: package.json package-lock.json | node
	@npm ci --no-audit --no-fund
	@touch $@

.PHONY: node
node:
	@command -v node >/dev/null || { echo 'Node.js is missing: install version 20.19 or newer (https://nodejs.org/)' >&2; exit 1; }
	@node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' \
		|| { echo "Node.js $$(node --version) is too old: 20.19 or newer is needed (https://nodejs.org/)" >&2; exit 1; }
	@command -v npm >/dev/null || { echo 'npm is missing: it comes with Node.js (Debian: apt-get install npm)' >&2; exit 1; }
