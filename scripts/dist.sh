#!/usr/bin/env bash
# Builds what is handed out: both programs, a Debian package of each and one of the service's units, their bills of materials,
# and SHA256SUMS.
#
#   scripts/dist.sh [FOLDER]      FOLDER must not exist (default: target/handout)
#
#   REROOT_COMMIT      the commit, for sources without git; then SOURCE_DATE_EPOCH is needed too
#   REROOT_PROFILE     Cargo's profile (default: dist)
#
# `reroot` needs the C library, because a PKCS#11 module is a shared library; `reroot-check` needs nothing. The same
# commit, toolchain and C compiler make the same files: no path, name or time of the machine is in them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
out=${1:-target/handout}
profile=${REROOT_PROFILE:-dist}
fail() { echo "dist: $*" >&2; exit 1; }

[ ! -e "$out" ] || fail "\`$out\` exists already"
for program in dpkg-deb dpkg-shlibdeps objdump python3; do
    command -v "$program" >/dev/null || fail "$program is missing: apt-get install dpkg-dev binutils python3 python3-venv"
done
if [ -z "${REROOT_COMMIT:-}" ]; then
    [ -z "$(git status --porcelain)" ] || fail "files differ from the commit: commit them first"
    REROOT_COMMIT=$(git rev-parse HEAD)
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
fi
export REROOT_COMMIT SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:?the time of the commit, in seconds since 1970}

target=$(rustc -vV | sed -n 's/^host: //p')
arch=$(dpkg --print-architecture)
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
built=${CARGO_TARGET_DIR:-target}/$target/$profile
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

echo "dist: reroot $version, commit $REROOT_COMMIT, $target, profile $profile" >&2
cargo_home=${CARGO_HOME:-$HOME/.cargo}
prefixes="$top=/reroot $cargo_home=/cargo"
for prefix in $prefixes; do
    RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$prefix"
    CFLAGS="${CFLAGS:-} -ffile-prefix-map=$prefix"
done
export RUSTFLAGS CFLAGS CARGO_INCREMENTAL=0
build=(--locked --profile "$profile" --target "$target")
cargo build "${build[@]}" --package reroot --bin reroot
# it loads no library at run time, so the C library can be part of it
cargo rustc "${build[@]}" --package reroot-check --bin reroot-check -- -C target-feature=+crt-static

needed() { objdump -p "$1" | sed -n 's/^ *NEEDED *//p'; }
[ -z "$(needed "$built/reroot-check")" ] || fail "reroot-check needs $(needed "$built/reroot-check" | xargs)"
for library in $(needed "$built/reroot"); do
    case $library in
        libc.so.6 | libm.so.6 | libgcc_s.so.1 | ld-linux-*) ;;
        *) fail "reroot needs $library, which is not part of every Debian" ;;
    esac
done
for program in reroot reroot-check; do
    said=$("$built/$program" --version)
    [ "$said" = "$program $version (commit ${REROOT_COMMIT:0:12})" ] || fail "$program says that it is \`$said\`"
    for path in "$top" "$cargo_home"; do
        ! grep -qaF "$path/" "$built/$program" || fail "the path $path is in $program"
    done
done

mkdir -p "$out"
out=$(cd "$out" && pwd)

# bills of materials, checked against the specification's schema
for program in reroot reroot-check; do
    packaging/sbom.py "$program" "$REROOT_COMMIT" "$target" >"$out/$program-$version.cdx.json"
    install -m 755 "$built/$program" "$out/$program-$version-$target"
done
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check --require-hashes --only-binary :all: -r packaging/python-sbom.txt
"$work/venv/bin/python" packaging/validate-sbom.py "$out"/*.cdx.json >&2

# package PROGRAM: what both packages have
package() {
    local program=$1 tree=$work/$1 doc=$work/$1/usr/share/doc/$1
    install -D -m 755 "$built/$program" "$tree/usr/bin/$program"
    "$built/$program" --quiet man "$work/$program-man"
    install -d "$tree/usr/share/man/man1"
    cp "$work/$program-man"/*.1 "$tree/usr/share/man/man1"
    gzip -9n "$tree/usr/share/man/man1"/*.1
    local completions=(
        "bash $tree/usr/share/bash-completion/completions/$program"
        "zsh $tree/usr/share/zsh/vendor-completions/_$program"
        "fish $tree/usr/share/fish/vendor_completions.d/$program.fish"
    )
    local shell file
    for line in "${completions[@]}"; do
        read -r shell file <<<"$line"
        install -d "$(dirname "$file")"
        "$built/$program" completions "$shell" >"$file"
    done
    papers "$program"
    cp "$out/$program-$version.cdx.json" "$doc"
}

# papers PACKAGE: what each package says of itself
papers() {
    local doc=$work/$1/usr/share/doc/$1
    install -d "$doc"
    gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
    {
        printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n'
        printf 'Copyright: the reroot authors\nLicense: Apache-2.0 or Expat\n\nLicense: Apache-2.0\n'
        printf ' On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n\nLicense: Expat\n'
        sed 's/^$/./; s/^/ /' LICENSE-MIT
    } >"$doc/copyright"
}

# pack PROGRAM: the tree as a package, with what the arguments after it say
pack() {
    local program=$1 tree=$work/$1
    install -d "$tree/DEBIAN"
    (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$program" "$version" "$arch"
        printf 'Maintainer: the reroot authors <reroot@localhost>\nSection: utils\nPriority: optional\n'
        printf 'Installed-Size: %s\n' "$(du -sk --apparent-size "$tree/usr" | cut -f1)"
        printf '%s\n' "${@:2}"
    } >"$tree/DEBIAN/control"
    find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/${program}_${version}_$arch.deb" >&2
}

package reroot
for policy in policies/*.toml; do
    install -D -m 644 "$policy" "$work/reroot/usr/share/reroot/$policy"
done
doc=$work/reroot/usr/share/doc/reroot
cp README.md SECURITY.md "$doc"
cp -r docs "$doc/docs"
install -d "$doc/examples"
cp -r packaging/systemd "$doc/examples/systemd"
# dpkg-shlibdeps reads the name of the source package there
install -d "$work/source/debian"
printf 'Source: reroot\n\nPackage: reroot\nArchitecture: any\n' >"$work/source/debian/control"
depends=$(cd "$work/source" && dpkg-shlibdeps -O -e "$work/reroot/usr/bin/reroot" | sed -n 's/^shlibs:Depends=//p')
pack reroot "Depends: $depends" "Recommends: openssl" "Suggests: reroot-check" \
    "Description: second root of trust for STSAFE-A secure elements" \
    " Verifies the certificates that ST made for a reel of secure elements, issues new ones" \
    " under your own CA over the same keys and unique identifiers, and seals a manifest that" \
    " proves the continuity. Keys are in files or in a PKCS#11 token."

# users, folders and units of `reroot serve` and `reroot signer`, for a machine that runs them
papers reroot-service
tree=$work/reroot-service
doc=$tree/usr/share/doc/reroot-service
install -D -m 644 -t "$tree/usr/lib/systemd/system" packaging/systemd/reroot-serve.service packaging/systemd/reroot-signer.service
install -D -m 644 packaging/systemd/reroot.sysusers "$tree/usr/lib/sysusers.d/reroot.conf"
install -D -m 644 packaging/systemd/reroot.tmpfiles "$tree/usr/lib/tmpfiles.d/reroot.conf"
install -D -m 644 -t "$doc/examples" packaging/service/*.toml packaging/systemd/reroot-signer-hsm.conf packaging/compose.yaml \
    packaging/alerts.yml
install -D -m 755 -t "$tree/DEBIAN" packaging/service/postinst packaging/service/prerm packaging/service/postrm
pack reroot-service "Depends: reroot (= $version), systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles" \
    "Description: service and signer of reroot, as systemd units" \
    " Users, folders and hardened units of the two processes that a team runs: a service with" \
    " an API and a console, which has no issuing key, and a signer, which has no network."

package reroot-check
pack reroot-check "Description: verifier for batches of reroot" \
    " Verifies batches, proofs and line packs that reroot made, and checks policies. For" \
    " auditors and production lines: it cannot sign, and has no network and no configuration."

(cd "$out" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
cat "$out/SHA256SUMS"
