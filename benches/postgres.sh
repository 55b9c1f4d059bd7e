#!/usr/bin/env bash
# How long an append to a ledger in PostgreSQL takes at least: lock the head, insert 1, 4 or 16 records, move the head,
# commit. A server of its own on this machine, once alone and once with a synchronous standby, both with fsync.
#
#   benches/postgres.sh [SECONDS for each figure, 5] [BYTES of a record's body, 4096]
#
# Needs Debian's package postgresql. Prints the mean latency and the appends a second, as pgbench measures them.
set -euo pipefail
seconds=${1:-5} bytes=${2:-4096}
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
work=$(mktemp -d "${TMPDIR:-/tmp}/reroot-bench.XXXXXX")
# the server refuses to run as root
as=() && if [ "$(id -u)" -eq 0 ]; then as=(setpriv --reuid=postgres --regid=postgres --clear-groups) && chown postgres "$work"; fi
pg() { local program=$1 && shift && (cd "$work" && "${as[@]}" "$bin/$program" "$@"); }
trap 'for d in "$work"/standby "$work"/primary; do [ ! -e "$d/postmaster.pid" ] || pg pg_ctl -D "$d" -m immediate stop >/dev/null; done; rm -rf "$work"' EXIT

pg initdb -D "$work/primary" -A trust -U postgres >/dev/null
pg pg_ctl -D "$work/primary" -w -l "$work/primary.log" -o "-k $work -c listen_addresses=" start >/dev/null
sql() { pg psql -qAt -h "$work" -U postgres -v ON_ERROR_STOP=1 -c "$1"; }
sql "CREATE TABLE head (records bigint, digest bytea)" && sql "INSERT INTO head VALUES (0, '')"
sql "CREATE TABLE record (position bigint PRIMARY KEY, digest bytea, body bytea); ALTER TABLE record ALTER body SET STORAGE EXTERNAL"
# the body is random, so that nothing is compressed on its way to the disk
sql "CREATE FUNCTION append(n int, content bytea) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE h head; BEGIN SELECT * INTO h FROM head FOR UPDATE;
FOR i IN 1..n LOOP h.records := h.records + 1; h.digest := sha256(h.digest || int8send(h.records) || sha256(content));
INSERT INTO record VALUES (h.records, h.digest, content); END LOOP;
UPDATE head SET records = h.records, digest = h.digest; END \$\$"
sql "CREATE TABLE content AS SELECT decode(string_agg(md5(random()::text), ''), 'hex') AS body FROM generate_series(1, $((bytes / 16)))"

measure() {
    for records in 1 4 16; do
        echo "SELECT append($records, body) FROM content;" >"$work/append.sql"
        pg pgbench -n -h "$work" -U postgres -c 1 -T "$seconds" -f "$work/append.sql" postgres 2>/dev/null |
            awk -v what="$1, $records records of $bytes bytes" '/^latency average/ {ms = $4} /^tps/ {printf "%s: %.2f ms, %d appends/s\n", what, ms, $3}'
    done
}
measure "no standby"
pg pg_basebackup -D "$work/standby" -h "$work" -U postgres -R -c fast
sed -i "s/^primary_conninfo = '/&application_name=standby /" "$work/standby/postgresql.auto.conf"
pg pg_ctl -D "$work/standby" -w -l "$work/standby.log" -o "-k $work -p 5433 -c listen_addresses=" start >/dev/null
sql "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'" && sql "SELECT pg_reload_conf()" >/dev/null
until [ "$(sql "SELECT sync_state FROM pg_stat_replication")" = quorum ]; do sleep 0.1; done
measure "synchronous standby"
