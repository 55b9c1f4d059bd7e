#!/bin/sh
# The portable form under valgrind with all secrets marked as undefined: no branch and no address may depend on them, and
# planted ones have to be found. Valgrind has no AVX-512, so this says nothing of the lanes (scripts/branches.sh does).
set -eu
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "taint: valgrind is not installed" >&2; exit 2; }
cargo build --locked --release --quiet --example taint
taint="${CARGO_TARGET_DIR:-../../target}/release/examples/taint"
run() {
    valgrind --quiet --error-exitcode=0 --track-origins=no "$taint" "$1" 2>"$report"
}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
for plant in branch address key-in-range randomness-repeats nonce-in-range r s; do
    if run "$plant" >/dev/null; then
        echo "taint: FAILED: the planted $plant was not found" >&2
        exit 1
    fi
done
if ! run none; then
    cat "$report" >&2
    echo "taint: FAILED: something depends on a secret" >&2
    exit 1
fi
echo "taint: OK, planted leaks were found"
