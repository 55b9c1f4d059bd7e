#!/usr/bin/env bash
# Makes a container image of reroot: Debian 12, OpenSSL and the package; runs as a user of its own, in the volume /data.
#
#   packaging/container.sh reroot_VERSION_ARCH.deb IMAGE.tar      IMAGE.tar is an OCI archive; must not exist
#
#   podman load < IMAGE.tar
#   podman run --rm --network=none --volume ./data:/data reroot issue reel.zip --policy ... --config /data/pki/reroot.toml
#
# For an HSM install the vendor's module in an image on top of this one. As root; needs debootstrap and buildah.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=${1:?the package} image=${2:?the image to make}
[ ! -e "$image" ] || { echo "container: \`$image\` exists already" >&2; exit 1; }
command -v buildah >/dev/null || { echo "container: apt-get install buildah" >&2; exit 1; }
work=$(mktemp -d)
container=
clean() {
    [ -z "$container" ] || buildah rm "$container" >/dev/null
    rm -rf "$work"
}
trap clean EXIT

"$here/debian-root.sh" "$work/root" "$package"
chroot "$work/root" useradd --system --home-dir /data --create-home --shell /usr/sbin/nologin reroot
chmod 700 "$work/root/data"
version=$(dpkg-deb --field "$package" Version)

container=$(buildah from scratch)
# `buildah add` would give every file to root
cp -a "$work/root/." "$(buildah mount "$container")"
buildah umount "$container" >/dev/null
buildah config --user reroot --workingdir /data --volume /data --entrypoint '["/usr/bin/reroot"]' --cmd '--help' \
    --label org.opencontainers.image.title=reroot --label "org.opencontainers.image.version=$version" \
    --label org.opencontainers.image.licenses="Apache-2.0 OR MIT" "$container"
buildah commit --quiet --timestamp "${SOURCE_DATE_EPOCH:-$(stat -c %Y "$package")}" "$container" "oci-archive:$image:reroot:$version"

# the image's own user can run the program, and write where it keeps its files
buildah run --isolation chroot "$container" -- sh -c 'test -w . && reroot --version' >&2 || {
    rm "$image"
    echo "container: the program does not run in the image" >&2
    exit 1
}
