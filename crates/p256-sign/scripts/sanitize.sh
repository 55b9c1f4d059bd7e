#!/bin/sh
# The tests of both forms under AddressSanitizer. It works on a copy without the benchmark, since aws-lc's C would have to
# be built for it too. The compiler's switch is not stable: RUSTC_BOOTSTRAP allows it.
set -eu
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r Cargo.toml build.rs src tests "$copy"
cp ../../Cargo.lock "$copy"
sed -i -e '/^aws-lc-rs = /d' -e '/^criterion = /d' -e '/^\[\[bench\]\]$/,/^harness/d' "$copy/Cargo.toml"
printf '\n[workspace]\n' >>"$copy/Cargo.toml"
cd "$copy"
# the search of all memory does not fit the sanitizer's shadow
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$copy/target}/sanitize" \
    cargo test --release --target x86_64-unknown-linux-gnu --lib --test edges --test faults --test signatures
