#!/usr/bin/env bash
# Makes a Debian 12 root with nothing in it but the base system, OpenSSL and the packages that are named. As root.
#
#   packaging/debian-root.sh FOLDER PACKAGE.deb...
#
#   REROOT_DEBIAN_INCLUDE   more packages of Debian, with commas between them
#   REROOT_DEBIAN_MIRROR    where debootstrap gets Debian from (default: its own)
set -euo pipefail
root=${1:?the folder to make}
shift
[ "$(id -u)" -eq 0 ] || { echo "debian-root: debootstrap needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debian-root: apt-get install debootstrap" >&2; exit 1; }
[ ! -e "$root" ] || { echo "debian-root: \`$root\` exists already" >&2; exit 1; }
debootstrap --variant=minbase "--include=openssl${REROOT_DEBIAN_INCLUDE:+,$REROOT_DEBIAN_INCLUDE}" bookworm "$root" ${REROOT_DEBIAN_MIRROR:+"$REROOT_DEBIAN_MIRROR"} >&2
# what Debian fetched stays out of what is handed out
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/bootstrap.log
for package in "$@"; do
    cp "$package" "$root/package.deb"
    chroot "$root" dpkg --install /package.deb >&2
    rm "$root/package.deb"
done
