#!/bin/sh
# The machine code of the lanes and of SHA-256 by the processor's instructions: no branch and no address may depend on a
# secret, and planted ones have to be found. Programs that link the crate can be given as arguments, with their symbols.
# It needs no processor that has the lanes.
set -eu
cd "$(dirname "$0")/.."
command -v objdump >/dev/null || { echo "branches: objdump is not installed" >&2; exit 2; }
[ "$(uname -m)" = x86_64 ] || { echo "branches: SKIPPED: there are lanes for x86_64 only" >&2; exit 0; }
cargo build --locked --release --quiet --example taint
python3 scripts/branches.py "${CARGO_TARGET_DIR:-../../target}/release/examples/taint" "$@"
