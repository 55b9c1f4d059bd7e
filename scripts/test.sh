#!/usr/bin/env bash
# Runs every test, after installing what the tests need. Arguments go to the test runner.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/tools.sh test

# independent test data beside the project; tests that use it say so when it is missing
if [ -z "${REROOT_TESTDATA:-}" ] && [ -d ../shared/testdata ]; then
    REROOT_TESTDATA=../shared/testdata
fi
if [ -n "${REROOT_TESTDATA:-}" ]; then
    REROOT_TESTDATA=$(cd "$REROOT_TESTDATA" && pwd)
    export REROOT_TESTDATA
fi

# examples in the documentation first: the runner's summary comes last
cargo test --locked --quiet --doc
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked "$@"
else
    cargo test --locked --lib --bins --tests "$@"
fi
