# Everything that a person does with this repository. `make help` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET_DIR := $(shell $(CARGO) metadata --no-deps --format-version 1 2>/dev/null | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
ifeq ($(TARGET_DIR),)
TARGET_DIR := target
endif
DEBUG := $(TARGET_DIR)/debug
RELEASE := $(TARGET_DIR)/release

# A failing run can be run again: the same seed gives the same cases. Any other seed is as good; `make test
# PROPTEST_RNG_SEED=$RANDOM` looks elsewhere.
export PROPTEST_RNG_SEED ?= 20261121

# How long the record is kept under load by `make bench`.
AUDIT_SECONDS ?= 600

.PHONY: help deps build release demo up down status bench test kills soak fuzz fmt fmt-check lint doc proto deny clean

help: ## Lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-10s %s\n' $$name "$$text"; done

deps: ## Installs what is missing (redis-server, a C compiler) where it may, else prints the one command
	@scripts/deps

# The dev profile: it builds in a third of the time, and `make test` finds it done.
build: deps ## Builds the services, the operator's hand and the simulators
	$(CARGO) build --locked --workspace --bins

release: deps ## Builds the same, optimised
	$(CARGO) build --locked --workspace --bins --release

demo: build ## Runs the main job through the whole mesh, checks every step, leaves nothing behind
	@$(DEBUG)/hongyan-demo run

up: build ## Starts the mesh with simulated carriers, leaves it running and prints its addresses
	@$(DEBUG)/hongyan-demo up

# No build here: what `make up` started was built then, and stopping it must not wait for a compiler.
down: ## Stops just what `make up` started
	@if [ -x $(DEBUG)/hongyan-demo ]; then $(DEBUG)/hongyan-demo down; else echo "Nothing was started."; fi

status: ## Tells what of `make up` is running
	@if [ -x $(DEBUG)/hongyan-demo ]; then $(DEBUG)/hongyan-demo status; else echo "Nothing was started."; fi

# The record is measured on the disk of the target directory: /tmp may be memory.
bench: release ## Measures protocols, mesh and record (AUDIT_SECONDS, 600) against bare floors of the same shape
	@$(RELEASE)/hongyan-wire-bench
	@$(RELEASE)/hongyan-bench
	@$(RELEASE)/hongyan-audit-bench --seconds $(AUDIT_SECONDS) --dir $(TARGET_DIR)

# `--bins --tests` in one go: programs and tests then share one build of each dependency.
test: deps ## Runs every test, those over real processes too
	$(CARGO) build --locked --workspace --bins --tests
	$(CARGO) test --locked --workspace

kills: ## Kills the record HONGYAN_KILLS times (200) at random under load, and once between any two steps
	HONGYAN_KILLS=$${HONGYAN_KILLS:-200} $(CARGO) test --locked -p hongyan-audit-svc --test crash kills:: -- --nocapture

soak: release ## Six links at their pace for SOAK_SECONDS (300): no second above it, hardly a place in it empty
	HONGYAN_SOAK_SECONDS=$${SOAK_SECONDS:-300} $(CARGO) test --locked --release -p hongyan-integration-tests --test mesh pace:: -- --nocapture

fuzz: ## Fuzzes decoders, texts, reassembly, sessions, notes, proofs and tiles; FUZZ_SECONDS for each target, 60 if not said
	@scripts/fuzz

fmt: ## Formats the Rust sources and the protos
	$(CARGO) fmt --all
	@scripts/buf format --write proto

fmt-check: ## Fails where the formatting differs
	$(CARGO) fmt --all --check
	@scripts/buf format --diff --exit-code proto

lint: ## Clippy and buf, every warning an error
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@scripts/buf lint proto

doc: ## Builds the documentation, every warning an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

deny: ## Checks licences and banned crates (needs cargo-deny)
	$(CARGO) deny --locked check

clean: ## Removes what was built
	$(CARGO) clean
