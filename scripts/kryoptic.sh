#!/usr/bin/env bash
# Builds kryoptic, a PKCS#11 software token written in Rust that shares no code with SoftHSM2, as a second opinion for
# tests: the crate as published, in a folder of its own, kept in the cache. Prints the module's path; with --is-built it
# only says whether it is there. `scripts/tools.sh test` installs what it is compiled with.
set -euo pipefail

version=1.5.4
# P-256, P-384 and RSA; Ed25519 would need OpenSSL 3.2
features=minimal,kryoptic-lib/dynamic,ossl/dynamic
folder=${REROOT_KRYOPTIC:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/reroot/kryoptic-$version}
module=$folder/libkryoptic_pkcs11.so

if [ "${1:-}" = --is-built ]; then
    [ -e "$module" ]
    exit
fi
if [ ! -e "$module" ]; then
    echo "tools: building kryoptic $version in $folder" >&2
    mkdir -p "$folder"
    work=$(mktemp -d "$folder/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/fetch/src"
    touch "$work/fetch/src/lib.rs"
    printf '[package]\nname = "fetch"\nedition = "2021"\n[dependencies]\nkryoptic = "=%s"\n' "$version" >"$work/fetch/Cargo.toml"
    (cd "$work/fetch" && cargo fetch --quiet)
    manifest=$(cd "$work/fetch" && cargo metadata --quiet --format-version 1 | grep -o '"manifest_path":"[^"]*/kryoptic-'"$version"'/Cargo.toml"' | cut -d '"' -f 4)
    cp -r "$(dirname "$manifest")" "$work/source"
    # an edition 2021 package outside of any workspace
    grep -q '^\[workspace\]' "$work/source/Cargo.toml" || printf '\n[workspace]\n' >>"$work/source/Cargo.toml"
    (cd "$work/source" && CARGO_TARGET_DIR=$work/target cargo build --quiet --locked --release --no-default-features --features "$features") >&2
    # the name appears when the file is whole
    cp "$work/target/release/libkryoptic_pkcs11.so" "$module.partial"
    mv "$module.partial" "$module"
fi
echo "$module"
