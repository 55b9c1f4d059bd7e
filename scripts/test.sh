#!/usr/bin/env bash
# Runs every test, after installing what the tests need. Arguments go to the test runner.
#
#   REROOT_LONG=1        every case of the long matrices instead of a sample
#   REROOT_SEED=NUMBER   which sample; without it the commit chooses
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/tools.sh test

# these make tests write what they should compare with
unset REROOT_BLESS REROOT_UPDATE

# what tests compare with, and must not change
golden=(docs fixtures policies tests/cli)
golden_state() {
    git -c core.fileMode=false status --porcelain --untracked-files=all -- "${golden[@]}"
    git -c core.fileMode=false diff -- "${golden[@]}"
}
is_clone=
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    is_clone=1
    golden_before=$(golden_state)
fi

if [ -z "${REROOT_SEED:-}" ] && [ -n "$is_clone" ]; then
    REROOT_SEED=$((16#$(git rev-parse HEAD | cut -c1-12)))
fi
export REROOT_SEED=${REROOT_SEED:-7}
echo "REROOT_SEED=$REROOT_SEED"

# Independent test data beside the project. Tests that need it fail without it; here they are skipped, by their names
# (tests/check/repository.rs compares the list with the tests).
needs_testdata=(
    a_p384_leaf_of_a_custom_profile
    all_genuine_certificates_get_the_verdict_of_their_provenance
    an_ed25519_leaf_of_an_stsafe_l
    each_case_gets_its_verdict_or_is_a_reasoned_divergence
    every_certificate_of_the_collection_is_a_candidate
    every_file_of_the_fuzz_corpora_has_an_outcome
    every_malformed_certificate_gets_a_verdict
)
if [ -z "${REROOT_TESTDATA:-}" ] && [ -d ../shared/testdata ]; then
    REROOT_TESTDATA=../shared/testdata
fi
skip=()
if [ -n "${REROOT_TESTDATA:-}" ]; then
    REROOT_TESTDATA=$(cd "$REROOT_TESTDATA" && pwd)
    export REROOT_TESTDATA
else
    echo "REROOT_TESTDATA is not set. SKIPPED, ${#needs_testdata[@]} tests: ${needs_testdata[*]}"
    for name in "${needs_testdata[@]}"; do
        skip+=(--skip "$name")
    done
fi

# tests of the vector instructions are built as ignored where the processor lacks them (build.rs)
if grep -qw avx512ifma /proc/cpuinfo 2>/dev/null; then
    echo "processor: with AVX-512 IFMA"
else
    echo "processor: WITHOUT AVX-512 IFMA; the tests of the vector instructions (names with \`vectors\`, crates/p256-batch, crates/p256-sign) are SKIPPED: no evidence for the lanes"
fi

# examples in the documentation first: the runner's summary comes last
cargo test --locked --quiet --doc
if cargo nextest --version >/dev/null 2>&1; then
    profile=default
    if [ "${REROOT_LONG:-0}" != 0 ]; then
        profile=long
    fi
    cargo nextest run --locked --profile "$profile" "$@" ${skip[@]+-- "${skip[@]}"}
else
    cargo test --locked --lib --bins --tests "$@" ${skip[@]+-- "${skip[@]}"}
fi

if [ -n "$is_clone" ] && [ "$(golden_state)" != "$golden_before" ]; then
    echo "the tests changed files that they should compare with:" >&2
    git status --porcelain --untracked-files=all -- "${golden[@]}" >&2
    exit 1
fi
