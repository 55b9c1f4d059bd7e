-- Chunks that are handed to workers. `@` is the name of the schema. Leases only save work: what was signed is in the records
-- alone. Times are those of this server.
CREATE TABLE @.chunk_lease (
    batch bigint NOT NULL,
    chunk bigint NOT NULL,
    -- 0 open, 1 leased, 2 done, 3 parked
    state smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
    holder text,
    token bigint,
    until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    -- of the last holder that gave the chunk back, or of the one who parked it
    reason text,
    leaves bytea NOT NULL CHECK (octet_length(leaves) = 32),
    count bigint NOT NULL,
    PRIMARY KEY (batch, chunk)
) WITH (fillfactor = 70);
CREATE INDEX open_chunk ON @.chunk_lease (batch, chunk) WHERE state < 2;
CREATE UNIQUE INDEX leased_chunk ON @.chunk_lease (token) WHERE state = 1;
CREATE SEQUENCE @.lease_token AS bigint;
CREATE TABLE @.worker (
    name text PRIMARY KEY,
    build text NOT NULL,
    signer text NOT NULL,
    host text NOT NULL,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    certificates bigint NOT NULL DEFAULT 0
);

-- Whether nothing is added to a batch any more: it is sealed (10) or abandoned (25).
CREATE FUNCTION @.is_closed(of_batch bigint) RETURNS boolean LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $is_closed$
    SELECT EXISTS (SELECT FROM @.record r WHERE r.kind IN (10, 25) AND r.batch = of_batch AND r.chunk = 0 AND r.part = 0)
$is_closed$;

-- Lists the chunks of a batch. Again, it changes nothing but the files of chunks that are not done, and opens parked ones.
CREATE FUNCTION @.hand_out(of_batch bigint, files bytea[], counts bigint[]) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $hand_out$
BEGIN
    DELETE FROM @.chunk_lease l USING (SELECT DISTINCT batch FROM @.chunk_lease) b
        WHERE l.batch = b.batch AND @.is_closed(b.batch);
    DELETE FROM @.worker WHERE seen < clock_timestamp() - interval '30 days';
    INSERT INTO @.chunk_lease AS l (batch, chunk, leaves, count)
        SELECT of_batch, listed.number - 1, listed.file, listed.count
        FROM unnest(files, counts) WITH ORDINALITY AS listed (file, count, number)
    ON CONFLICT (batch, chunk) DO UPDATE SET leaves = excluded.leaves, count = excluded.count,
        attempts = CASE WHEN l.state = 3 THEN 0 ELSE l.attempts END,
        state = CASE WHEN l.state = 3 THEN 0 ELSE l.state END
        WHERE l.state <> 2;
END $hand_out$;

-- Leases up to `wanted` chunks that are open, or whose lease has run out, each under a new token. A chunk that was leased
-- `most` times is parked.
CREATE FUNCTION @.claim(worker text, build text, signer text, host text, known bigint, seconds double precision,
    wanted bigint, most integer)
    RETURNS TABLE (batch bigint, chunk bigint, token bigint, attempts integer, leaves bytea, count bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $claim$
#variable_conflict use_column
DECLARE
    found_format bigint;
    last_kind smallint;
BEGIN
    SELECT h.format INTO STRICT found_format FROM @.head h;
    IF found_format <> known THEN
        RAISE EXCEPTION 'the format is %', found_format USING ERRCODE = 'RR005', DETAIL = found_format::text;
    END IF;
    SELECT r.kind INTO last_kind FROM @.record r ORDER BY r.position DESC LIMIT 1;
    IF last_kind = 24 THEN
        RAISE EXCEPTION 'the ledger was moved, and nothing is added to it any more' USING ERRCODE = 'RR004';
    END IF;
    INSERT INTO @.worker AS w (name, build, signer, host) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO UPDATE SET build = $2, signer = $3, host = $4, seen = clock_timestamp();
    UPDATE @.chunk_lease l SET state = 3, holder = NULL, until = NULL,
        reason = coalesce(l.reason, l.attempts || ' workers had it, the last one `' || l.holder || '`, and none said why it ended')
        FROM (SELECT o.batch, o.chunk FROM @.chunk_lease o
            WHERE o.state < 2 AND (o.state = 0 OR o.until <= clock_timestamp()) AND o.attempts >= most
                AND NOT @.is_closed(o.batch)
            ORDER BY o.batch, o.chunk FOR UPDATE SKIP LOCKED) free
        WHERE l.batch = free.batch AND l.chunk = free.chunk;
    RETURN QUERY UPDATE @.chunk_lease l SET state = 1, holder = $1, token = nextval('@.lease_token'),
        until = clock_timestamp() + make_interval(secs => seconds), attempts = l.attempts + 1
        FROM (SELECT o.batch, o.chunk FROM @.chunk_lease o
            WHERE o.state < 2 AND (o.state = 0 OR o.until <= clock_timestamp()) AND o.attempts < most
                AND NOT @.is_closed(o.batch)
            ORDER BY o.batch, o.chunk LIMIT wanted FOR UPDATE SKIP LOCKED) free
        WHERE l.batch = free.batch AND l.chunk = free.chunk
        RETURNING l.batch, l.chunk, l.token, l.attempts, l.leaves, l.count;
END $claim$;

-- Makes leases longer, and returns the tokens of those that are still held.
CREATE FUNCTION @.extend(worker text, tokens bigint[], seconds double precision) RETURNS SETOF bigint LANGUAGE sql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $extend$
    UPDATE @.worker w SET seen = clock_timestamp() WHERE w.name = $1;
    UPDATE @.chunk_lease l SET until = clock_timestamp() + make_interval(secs => seconds)
        WHERE l.state = 1 AND l.token = ANY (tokens) RETURNING l.token;
$extend$;

-- Ends a lease, and returns whether that changed anything. To be done (2) needs no lease: the records must show a
-- certificate for each leaf. An untouched chunk goes back as if it had not been leased.
CREATE FUNCTION @.settle(of_batch bigint, of_chunk bigint, with_token bigint, to_state smallint, why text, untouched boolean)
    RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $settle$
DECLARE
    certificates bigint;
BEGIN
    IF to_state = 2 THEN
        SELECT sum(r.count) INTO certificates FROM @.record r
            WHERE r.kind = 9 AND r.batch = of_batch AND r.chunk = of_chunk;
        IF NOT EXISTS (SELECT FROM @.record r
                WHERE r.kind = 3 AND r.batch = of_batch AND r.chunk = of_chunk AND r.count <= certificates) THEN
            RETURN false;
        END IF;
        UPDATE @.worker w SET seen = clock_timestamp(), certificates = w.certificates + l.count
            FROM @.chunk_lease l
            WHERE l.batch = of_batch AND l.chunk = of_chunk AND l.state = 1 AND l.token = with_token AND w.name = l.holder;
        UPDATE @.chunk_lease l SET state = 2, until = NULL, reason = NULL
            WHERE l.batch = of_batch AND l.chunk = of_chunk;
        RETURN FOUND;
    END IF;
    UPDATE @.chunk_lease l SET state = to_state, until = NULL, reason = coalesce(why, l.reason),
        attempts = l.attempts - untouched::integer
        WHERE l.batch = of_batch AND l.chunk = of_chunk AND l.state = 1 AND l.token = with_token;
    RETURN FOUND;
END $settle$;

-- Refuses unless the chunk is leased under this token. No worker leases it before the transaction has ended.
CREATE FUNCTION @.fence(of_batch bigint, of_chunk bigint, with_token bigint) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fence$
BEGIN
    PERFORM FROM @.chunk_lease l
        WHERE l.batch = of_batch AND l.chunk = of_chunk AND l.state = 1 AND l.token = with_token FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the chunk is not leased under this token' USING ERRCODE = 'RR003';
    END IF;
END $fence$;

REVOKE ALL ON FUNCTION @.is_closed, @.hand_out, @.claim, @.extend, @.settle, @.fence FROM PUBLIC;
DO $pool_grants$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'reroot_writer') THEN
        GRANT SELECT ON @.chunk_lease, @.worker TO reroot_writer;
        GRANT EXECUTE ON FUNCTION @.is_closed, @.hand_out, @.claim, @.extend, @.settle, @.fence TO reroot_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'reroot_reader') THEN
        GRANT SELECT ON @.chunk_lease, @.worker TO reroot_reader;
        GRANT EXECUTE ON FUNCTION @.is_closed TO reroot_reader;
    END IF;
END $pool_grants$;
