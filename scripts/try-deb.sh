#!/usr/bin/env bash
# Installs the Debian packages in a clean Debian root, and uses them there as a user would: versions, man pages,
# completions, policies, the quickstart, the auditor's program on its batch, removal. As root; needs debootstrap.
#
#   scripts/try-deb.sh FOLDER      what scripts/dist.sh made
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
made=$(cd "${1:?the folder that scripts/dist.sh made}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
fail() { echo "try-deb: FAILED: $*" >&2; exit 1; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/engineer LC_ALL=C.UTF-8 "$@"; }
engineer() { chroot --userspec=engineer:engineer "$root" env -i PATH=/usr/bin:/bin HOME=/home/engineer LC_ALL=C.UTF-8 sh -euc "cd; $1"; }
step() { echo "try-deb: $*"; }

(cd "$made" && sha256sum --check --quiet SHA256SUMS) || fail "files differ from SHA256SUMS"
step "a clean Debian"
REROOT_DEBIAN_INCLUDE=systemd "$here/../packaging/debian-root.sh" "$root" 2>"$work/log" || { tail -20 "$work/log" >&2; fail "debootstrap"; }
(cd "$root" && find usr etc -xdev | sort) >"$work/before"
inside useradd --create-home --shell /bin/sh engineer

step "installing"
cp "$made"/*.deb "$root"
inside sh -c 'dpkg --install /*.deb && rm /*.deb' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "dpkg"; }
! grep -qi warning "$work/log" || { cat "$work/log" >&2; fail "dpkg warned"; }
for program in reroot reroot-check; do
    inside "$program" --version | grep -E "^$program [0-9.]+ \(commit [0-9a-f]{12}\)$" || fail "$program does not name its commit"
    inside dpkg --verify "$program" || fail "installed files differ from the package"
    for file in man/man1/$program.1.gz bash-completion/completions/$program zsh/vendor-completions/_$program \
        fish/vendor_completions.d/$program.fish doc/$program/copyright doc/$program/changelog.gz; do
        [ -s "$root/usr/share/$file" ] || fail "/usr/share/$file is missing"
    done
    inside bash -n "/usr/share/bash-completion/completions/$program"
done

step "the shipped policies"
inside sh -c 'reroot policy check /usr/share/reroot/policies/*.toml' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "a shipped policy is wrong"; }

step "the example units"
units=$root/usr/share/doc/reroot/examples/systemd
grep -h '^ExecStart=/usr/bin/reroot ' "$units"/*.service | while read -r line; do
    read -ra words <<<"${line#ExecStart=}"
    inside "${words[@]}" --help >/dev/null || fail "not a command: $line"
done
if command -v systemd-analyze >/dev/null; then
    mkdir "$work/units"
    cp "$units"/*.service "$units"/*.timer "$work/units"
    # the programs are in the root, and systemd-analyze looks for them here
    sed -i 's|^ExecStart=/usr/bin/reroot|ExecStart=/bin/true|' "$work/units"/*.service
    for unit in "$work/units"/*@.*; do
        systemd-analyze verify --man=no "${unit/@./@acme.}" || fail "${unit##*/}"
    done
else
    step "SKIPPED: systemd-analyze is missing: the units' keys were not checked"
fi

step "the quickstart"
engineer 'reroot quickstart try' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "quickstart"; }
grep -q 'CMS Verification successful' "$work/log" || { cat "$work/log" >&2; fail "OpenSSL did not confirm the manifest"; }
step "the auditor's program"
engineer 'reroot-check verify try/batch --input try/reel.zip --issuer-anchor try/pki/ca/root.pem --report report.html \
    --source-anchor try/pki/anchors/stm-stsafe-a-prod-ca-01.pem' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "reroot-check verify"; }
tail -1 "$work/log"

step "removing"
inside dpkg --purge reroot-service reroot reroot-check >/dev/null 2>&1 || fail "dpkg --purge"
(cd "$root" && find usr etc -xdev | sort) | comm -13 "$work/before" - | grep -vE '^etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' >"$work/left" || true
[ ! -s "$work/left" ] || { cat "$work/left" >&2; fail "files are left after removal"; }
engineer 'test -s try/pki/reroot.toml' || fail "removal touched the user's files"
step "OK"
