#!/usr/bin/env bash
# Installs the packages in a clean Debian that is booted in a container, as docs/guide/service.md says, and runs the service
# there: units, a job from upload to batch, an upgrade while it waits and one while it is signed, removal. As root; needs
# debootstrap and systemd-container.
#
#   scripts/try-service.sh FOLDER      what scripts/dist.sh made
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
made=$(cd "${1:?the folder that scripts/dist.sh made}" && pwd)
command -v systemd-nspawn >/dev/null || { echo "try-service: apt-get install systemd-container" >&2; exit 1; }
work=$(mktemp -d)
root=$work/root
booted=
clean() {
    if [ -n "$booted" ]; then
        kill "$booted" 2>/dev/null || true
        wait "$booted" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean EXIT
fail() { echo "try-service: FAILED: $*" >&2; inside journalctl --no-pager --lines=40 --unit='reroot-*' >&2 || true; exit 1; }
step() { echo "try-service: $*"; }
inside() {
    nsenter --target "$leader" --all --root --wd env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}
at_root() { inside sh -euc "cd /root; $1" sh "${@:2}"; }

step "a clean Debian, booted"
REROOT_DEBIAN_INCLUDE=systemd,systemd-sysv,curl "$here/../packaging/debian-root.sh" "$root" 2>"$work/log" || { tail -20 "$work/log" >&2; exit 1; }
cp "$made"/*.deb "$root/root"
systemd-nspawn --quiet --directory "$root" --boot --register=no --keep-unit --private-network >"$work/console" 2>&1 &
booted=$!
leader=
for _ in $(seq 100); do
    leader=$(pgrep -P "$booted" -x systemd || true)
    [ -n "$leader" ] && inside systemctl is-system-running >"$work/log" 2>&1 && break
    grep -qs degraded "$work/log" && break
    sleep 0.3
done
[ -n "$leader" ] || { cat "$work/console" >&2; exit 1; }

step "installing, as docs/guide/service.md says"
at_root 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout bert.key -out bert.pem -days 3650 \
    -subj /CN=bert -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature' 2>"$work/log" || fail "openssl"
awk '/^```sh norun/ { block = 1; next } /^```/ && block { exit } block' "$here/../docs/guide/service.md" >"$root/root/install.sh"
grep -q 'dpkg --install' "$root/root/install.sh" || fail "the guide has no block that installs"
at_root 'sh -eu install.sh' >"$work/installed" 2>"$work/log" || { cat "$work/log" >&2; fail "the guide's lines"; }
cat "$work/installed"
token=$(grep -o 'rrt_[0-9a-zA-Z_]*' "$work/installed")
for unit in reroot-signer reroot-serve; do
    inside systemctl is-active "$unit" >/dev/null || fail "$unit does not run"
    inside systemd-analyze security --no-pager "$unit" | tail -1
done
for file in /etc/reroot-signer/ca/issuing.key.pem /var/lib/reroot-signer/ledger.db; do
    ! inside runuser -u reroot -- cat "$file" >/dev/null 2>&1 || fail "the service can read $file"
done
inside test ! -e /etc/reroot/ca/issuing.key.pem || fail "the service has the issuing key"

step "a job: users, a policy, a reel of three genuine chips"
cat >"$root/root/lines.sh" <<LINES
set -eu
cd /root
URL=http://127.0.0.1:8443
ask() { secret=\$1; shift; curl --silent --show-error --fail-with-body --header "Authorization: Bearer \$secret" "\$@"; }
post() { secret=\$1; shift; ask "\$secret" --header 'Content-Type: application/json' --data "\$@"; }
id_of() { sed 's/^{"id":"\([0-9a-f]*\)".*/\1/'; }
state() { ask \$(cat anna) --header 'Prefer: wait=10' \$URL/v1/jobs/\$(cat job) | sed 's/.*"state":"\([a-z-]*\)".*/\1/'; }
until_state() {
    for try in \$(seq 60); do
        found=\$(state || true)
        [ "\$found" = "\$1" ] && return 0
        sleep 0.5
    done
    echo "the job is \$found, expected \$1" >&2
    return 1
}
LINES
at_root '. ./lines.sh
root=$1
for person in anna:operator bert:approver; do
    ends=$(date --utc --date "+20 days" +%Y-%m-%dT%H:%M:%SZ)
    body="{\"owner\":\"${person%:*}\",\"roles\":[\"${person#*:}\"],\"expires\":\"$ends\"}"
    post $root "$body" $URL/v1/tokens | grep -o "rrt_[0-9a-zA-Z_]*" | head -1 > ${person%:*}
done
policy=$(sha256sum < ca/policies/tls-client.toml | cut -c 1-64)
python=$(sed "s/\\\\/\\\\\\\\/g; s/\"/\\\\\"/g" ca/policies/tls-client.toml | sed ":a;N;\$!ba;s/\n/\\\\n/g")
ask $(cat anna) --request PUT --header "Content-Type: application/json" --data-binary "{\"text\":\"$python\\n\"}" $URL/v1/policies/$policy > /dev/null
ask $root --request PUT --header "Content-Type: application/json" --header "If-Match: \"1\"" --data "{\"state\":\"active\"}" $URL/v1/policies/$policy/state > /dev/null
reroot --quiet quickstart try > /dev/null
upload=$(post $(cat anna) "{\"name\":\"reel.zip\",\"bytes\":$(wc -c < try/reel.zip)}" $URL/v1/uploads | id_of)
ask $(cat anna) --upload-file try/reel.zip $URL/v1/uploads/$upload/content > /dev/null
post $(cat anna) "{\"kind\":\"issue\",\"inputs\":[\"$upload\"],\"policy\":\"$policy\"}" $URL/v1/jobs | id_of > job
until_state awaiting-approval' "$token" || fail "no job waits for its approval"

# upgrade NUMBER: the same packages as a later version
upgrade() {
    local number=$1
    at_root 'for package in reroot reroot-check reroot-service; do
        rm -rf next && dpkg-deb --raw-extract $(ls ${package}_[0-9]*.deb | head -1) next
        sed -i "s/^\(Version: .*\)/\1+try'"$number"'/; s/reroot (= \([^)]*\))/reroot (= \1+try'"$number"')/" next/DEBIAN/control
        dpkg-deb --root-owner-group --build next next-$package.deb
    done
    dpkg --install next-*.deb' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "the upgrade"; }
}
step "an upgrade while the job waits"
before=$(inside systemctl show --property MainPID reroot-signer reroot-serve)
upgrade 1
[ "$(inside systemctl show --property MainPID reroot-signer reroot-serve)" != "$before" ] || fail "the units were not started again"
at_root '. ./lines.sh
until_state awaiting-approval
ask $(cat bert) --output job.plan $URL/v1/jobs/$(cat job)/plan
reroot approve job.plan --planner /etc/reroot/ca/manifest.pem --requester anna --yes --key bert.key --certificate bert.pem --out job.approval > /dev/null 2> approve.log
text=$(sed ":a;N;\$!ba;s/\"/\\\\\"/g;s/\n/\\\\n/g" job.approval)
post $(cat bert) "{\"approval\":\"$text\\n\"}" $URL/v1/jobs/$(cat job)/approvals > /dev/null' || fail "the approval"
step "an upgrade while the job is signed"
upgrade 2
at_root '. ./lines.sh
until_state published
batch=$(ls /var/lib/reroot/service/batches)
reroot-check verify /var/lib/reroot/service/batches/$batch --input try/reel.zip --issuer-anchor ca/ca/root.pem \
    --source-anchor ca/anchors/stm-stsafe-a-prod-ca-01.pem' >"$work/log" || { cat "$work/log" >&2; fail "the job did not end in a batch that verifies"; }
tail -1 "$work/log"
[ "$(inside sh -c 'ls /var/lib/reroot/service/batches | wc -l')" = 1 ] || fail "there is more than one batch"

step "removing"
at_root 'dpkg --purge reroot-service reroot reroot-check' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "dpkg --purge"; }
grep 'was kept' "$work/log"
! inside sh -c 'cat /proc/[0-9]*/comm' 2>/dev/null | grep -qx reroot || fail "a process still runs"
for file in /etc/reroot-signer/ca/issuing.key.pem /var/lib/reroot-signer/ledger.db /var/lib/reroot/ledger.db; do
    inside test -s "$file" || fail "$file is gone"
done
step "OK"
