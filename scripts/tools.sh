#!/usr/bin/env bash
# Installs the programs that building and testing need and that are missing: Debian packages, and Python packages in a
# virtual environment. Does nothing, quickly, when all are there. Source it to get REROOT_VENV.
#
#   scripts/tools.sh build    what compiles: a C compiler and linker
#   scripts/tools.sh test     and the judges: openssl, certtool, SoftHSM, p11-kit, faketime, Python's cryptography, pkilint; a
#                             browser, Chromium (110 MB), what drives it and an OpenID provider (npm, 25 MB); valgrind; the consumers: mosquitto,
#                             nginx, the Matter SDK (100 MB); the server of ledgers, PostgreSQL; and
#                             a second token, kryoptic, which is compiled (1.5 minutes of a core, once: it is kept in
#                             the cache)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
what=${1:-test}
export REROOT_VENV=${REROOT_VENV:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/reroot/venv}

# program:package, or a file:package where the package brings no program
needs="cc:gcc /usr/include/stdio.h:libc6-dev"
if [ "$what" = test ]; then
    needs="$needs c++:g++ openssl:openssl certtool:gnutls-bin softhsm2-util:softhsm2 pkcs11-tool:opensc python3:python3
        objdump:binutils valgrind:valgrind
        p11-kit:p11-kit pgrep:procps faketime:faketime
        /usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so:p11-kit-modules
        chromium:chromium node:nodejs npm:npm strace:strace bindfs:bindfs fusermount3:fuse3 setpriv:util-linux
        /usr/lib/postgresql:postgresql
        /usr/sbin/mosquitto:mosquitto mosquitto_pub:mosquitto-clients /usr/sbin/nginx:nginx-light"
    # what the Matter SDK's library is linked with
    # a pipe into `grep -q` would break when it has found something, and break this
    linked=$(ldconfig -p)
    for library in libnl-3:libnl-3-200 libnl-route-3:libnl-route-3-200 libgio-2.0:libglib2.0-0; do
        grep -q "${library%%:*}\.so" <<<"$linked" || needs="$needs missing-${library%%:*}:${library#*:}"
    done
    # what kryoptic is compiled with
    if ! "$here/kryoptic.sh" --is-built; then
        needs="$needs pkg-config:pkg-config /usr/include/openssl/ssl.h:libssl-dev /usr/include/sqlite3.h:libsqlite3-dev"
        grep -q 'libclang-[0-9]*\.so' <<<"$linked" || needs="$needs missing-libclang:libclang-dev"
    fi
    # Debian splits `venv` off; other Pythons have it
    python3 -c 'import venv, ensurepip' 2>/dev/null || needs="$needs missing-venv:python3-venv"
fi

missing=()
for need in $needs; do
    program=${need%%:*}
    case $program in
        /*) [ -e "$program" ] || missing+=("${need#*:}") ;;
        *) command -v "$program" >/dev/null || missing+=("${need#*:}") ;;
    esac
done

if [ ${#missing[@]} -gt 0 ]; then
    echo "tools: installing ${missing[*]}" >&2
    command -v apt-get >/dev/null || { echo "tools: no apt-get here; install these yourself: ${missing[*]}" >&2; exit 1; }
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "tools: as root: apt-get install ${missing[*]}" >&2; exit 1; }
        sudo=sudo
    fi
    $sudo apt-get update -q >&2
    # a subshell, so that its trap is not the caller's
    (
        # servers are programs for tests here: Debian would start them at once
        if [ ! -e /usr/sbin/policy-rc.d ]; then
            trap '$sudo rm -f /usr/sbin/policy-rc.d' EXIT
            printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
            $sudo chmod 755 /usr/sbin/policy-rc.d
        fi
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends "${missing[@]}" >&2
    )
fi

if [ "$what" = test ]; then
    "$here/kryoptic.sh" >/dev/null
    # the environment is made again when the list of packages has changed
    stamp="$REROOT_VENV/installed"
    if ! cat "$here/python-requirements.txt" "$here/python-standalone.txt" | cmp -s - "$stamp"; then
        echo "tools: making the virtual environment $REROOT_VENV" >&2
        rm -rf "$REROOT_VENV"
        python3 -m venv "$REROOT_VENV"
        # every file by its hash; no source packages, which would be built with whatever their builders fetch
        pip=("$REROOT_VENV/bin/pip" install -q --disable-pip-version-check --require-hashes --only-binary :all:)
        "${pip[@]}" -r "$here/python-requirements.txt" >&2
        "${pip[@]}" --no-deps -r "$here/python-standalone.txt" >&2
        cat "$here/python-requirements.txt" "$here/python-standalone.txt" >"$stamp"
    fi
    # what drives the browser, as the lock file says: each package by its hash, and no script of a package is run
    browser="$here/../tests/service/browser"
    if ! cmp -s "$browser/package-lock.json" "$browser/node_modules/installed"; then
        echo "tools: installing the packages of tests/service/browser" >&2
        npm ci --prefix "$browser" --ignore-scripts --no-audit --no-fund --silent >&2
        cp "$browser/package-lock.json" "$browser/node_modules/installed"
    fi
fi
