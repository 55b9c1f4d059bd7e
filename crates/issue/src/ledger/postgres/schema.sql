-- A ledger of one issuer key. `@` is the name of the schema. Nothing but `append` adds records, and nothing changes them.
CREATE SCHEMA @;
CREATE TABLE @.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    format bigint NOT NULL,
    records bigint NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32)
);
INSERT INTO @.head (format, records, digest) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
CREATE TABLE @.record (
    position bigint PRIMARY KEY,
    kind smallint NOT NULL,
    batch bigint NOT NULL,
    chunk bigint NOT NULL,
    part bigint NOT NULL,
    count bigint NOT NULL,
    signatures bigint NOT NULL,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    -- for people; not part of the chain
    added timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT place UNIQUE (kind, batch, chunk, part)
);
-- bodies are digests and signatures, which nothing compresses
ALTER TABLE @.record ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE @.derived (number bigint PRIMARY KEY, body bytea NOT NULL);
ALTER TABLE @.derived ALTER COLUMN body SET STORAGE EXTERNAL;

-- Compares the head and adds one record after it, unless the last one says that the ledger was moved (24). The row lock on the head is kept until the transaction ends, so
-- several calls in one transaction add all their records or none, with no other record between them.
CREATE FUNCTION @.append(at_records bigint, at_digest bytea, kind smallint, batch bigint, chunk bigint, part bigint,
    count bigint, signatures bigint, body bytea) RETURNS bytea
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $append$
DECLARE
    found_records bigint;
    found_digest bytea;
    linked bytea;
BEGIN
    SELECT h.records, h.digest INTO STRICT found_records, found_digest FROM @.head h FOR UPDATE;
    IF found_records <> at_records OR found_digest <> at_digest THEN
        RAISE EXCEPTION 'the head is record %', found_records USING ERRCODE = 'RR001', DETAIL = found_records::text;
    END IF;
    IF EXISTS (SELECT FROM @.record r WHERE r.position = at_records AND r.kind = 24) THEN
        RAISE EXCEPTION 'the ledger was moved, and nothing is added to it any more' USING ERRCODE = 'RR004';
    END IF;
    linked := sha256('reroot-ledger-record/1'::bytea || '\x00'::bytea || at_digest || int8send(at_records + 1)
        || set_byte('\x00'::bytea, 0, kind) || int8send(batch) || int8send(chunk) || substring(int8send(part) FROM 5)
        || int8send(count) || int8send(signatures) || sha256(body));
    INSERT INTO @.record VALUES (at_records + 1, kind, batch, chunk, part, count, signatures, linked, body);
    UPDATE @.head SET records = at_records + 1, digest = linked;
    RETURN linked;
END $append$;

-- Writes the head as it is: when that is committed, everything before it is where it stays, on the standby too.
CREATE FUNCTION @.confirm() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    $confirm$ UPDATE @.head SET records = records $confirm$;

REVOKE ALL ON FUNCTION @.append, @.confirm FROM PUBLIC;
-- the least that a run needs, for roles of these names
DO $grants$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'reroot_writer') THEN
        GRANT USAGE ON SCHEMA @ TO reroot_writer;
        GRANT SELECT ON ALL TABLES IN SCHEMA @ TO reroot_writer;
        GRANT INSERT, DELETE ON @.derived TO reroot_writer;
        GRANT EXECUTE ON FUNCTION @.append, @.confirm TO reroot_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'reroot_reader') THEN
        GRANT USAGE ON SCHEMA @ TO reroot_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA @ TO reroot_reader;
    END IF;
END $grants$;
