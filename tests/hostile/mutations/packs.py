"""Line packs: every cell and the schema changed, chips hidden, names that are not the chip's.

Only the program reads packs.
"""

import os, sqlite3
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.house import read
from mutations.proofs import uids_of

ROW_AWAY = "DELETE FROM chip WHERE position=5"
ANOTHERS = "UPDATE chip SET {column}=(SELECT {column} FROM chip WHERE position=15) WHERE position={position}"


def cases(bench):
    batch = bench.apart
    pack = batch.house.path("reel.pack")
    batch.house.run("export", batch.folder, "--to", "line-pack", "--out", pack, "--issuer-anchor", batch.issuer)
    good = read(pack)
    uids = uids_of(batch)
    uid, absent = uids[5], "0209FF0000007E57000139"
    folder = os.path.join(bench.folder, "packs")
    os.makedirs(folder)
    case = lambda name, made, what=uid, expect=REFUSE, options=(): Case(
        "packs" if expect != ACCEPT else "free: packs", name, batch, made, expect, "lookup", [what, *options], False
    )
    columns = [row[1] for row in sqlite3.connect(pack).execute("PRAGMA table_info(chip)")]
    # the ST number in hand, and the forms that chips are named by
    for name, one in {
        "UID": uid,
        "ST number": uid[4:],
        "unique number": uid[4:18],
        "the first": uids[0],
        "the last": uids[-1],
        "lower case": uid.lower(),
    }.items():
        yield case(f"honest: {name}", lambda: good, one, ACCEPT)
    yield case("an absent chip", lambda: good, absent)
    if bench.absent and b"--absent" in batch.house.run("lookup", "--help").stdout:
        yield case("honest: an absent chip", lambda: good, absent, ACCEPT, bench.absent)
        yield case("a chip that is there, as absent", lambda: good, uid, REFUSE, bench.absent)
        for name, sql in {
            "the row taken away": f"DELETE FROM chip WHERE uid='{uid}'",
            "its UID changed": f"UPDATE chip SET uid='{absent}' WHERE uid='{uid}'",
            "every row away": "DELETE FROM chip",
            "its neighbours away": "DELETE FROM chip WHERE position IN (4, 6)",
            "it and its neighbours away": "DELETE FROM chip WHERE position IN (4, 5, 6)",
            "positions moved": ROW_AWAY + "; UPDATE chip SET position=position-1 WHERE position>5",
        }.items():
            yield case(f"as absent: {name}", lambda sql=sql: edited(folder, good, sql), uid, REFUSE, bench.absent)
        for one in (uid[4:], uid[4:18], uid[:-2], "00" + uid, uid + "00", "0139"):
            yield case(f"as absent: {one}", lambda: good, one, REFUSE, bench.absent)
    for one in (uid[:-2], "00" + uid, uid + "00", "", "02", "x", uid[:-1], uid[4:20]):
        yield case(f"named {one!r}", lambda: good, one)
    other = {"TEXT": "'x'", "BLOB": "x'00'", "NULL": "NULL", "INTEGER": "7", "a large BLOB": "zeroblob(20000000)"}
    for column in columns:
        for name, value in other.items():
            if column != "position" and name != "NULL":
                # what is printed comes from the line, which is proved
                expect = ALIKE if column in ("object", "label", "st_number") else REFUSE
                yield case(
                    f"{column} = {name}",
                    lambda column=column, value=value: edited(
                        folder, good, f"UPDATE chip SET {column}={value} WHERE uid='{uid}'"
                    ),
                    uid,
                    expect,
                )
        if column in ("line", "path", "certificate", "source"):
            for neighbour in (4, 6):
                yield case(
                    f"{column} of row {neighbour} is another's",
                    lambda column=column, neighbour=neighbour: edited(
                        folder,
                        good,
                        ANOTHERS.format(column=column, position=neighbour),
                    ),
                    uid,
                    REFUSE if column in ("line", "path") else ALIKE,
                )
            yield case(
                f"{column} is another's",
                lambda column=column: edited(
                    folder,
                    good,
                    ANOTHERS.format(column=column, position=5),
                ),
            )
            yield case(
                f"{column} cut",
                lambda column=column: edited(
                    folder, good, f"UPDATE chip SET {column}=substr({column}, 1, length({column}) - 1) WHERE position=5"
                ),
            )
    for key in ("format", "statement", "seal"):
        for name, value in other.items():
            if name != "NULL":
                yield case(
                    f"{key} = {name}",
                    lambda key=key, value=value: edited(
                        folder, good, f"UPDATE pack SET value={value} WHERE key='{key}'"
                    ),
                )
        yield case(f"{key} away", lambda key=key: edited(folder, good, f"DELETE FROM pack WHERE key='{key}'"))
    stranger = keys.ca_certificate(keys.key("x"), der.name((der.CN, "x")))
    schema = {
        "a table more": "CREATE TABLE x (y)",
        "a view": "CREATE VIEW x AS SELECT 1",
        "an index": "CREATE INDEX x ON chip (line)",
        "a trigger": "CREATE TRIGGER x AFTER INSERT ON chip BEGIN SELECT 1; END",
        "a column more": "ALTER TABLE chip ADD COLUMN x",
        "a table away": "DROP TABLE chain",
        "chips a view": "ALTER TABLE chip RENAME TO c; CREATE VIEW chip AS SELECT * FROM c",
        "user_version 0": "PRAGMA user_version=0",
        "user_version 9": "PRAGMA user_version=9",
        "application_id": "PRAGMA application_id=7",
        "WAL": "PRAGMA journal_mode=WAL",
        "a policy row": "INSERT INTO pack VALUES ('policy', 'x')",
        "an unknown row": "INSERT INTO pack VALUES ('x', 'x')",
        "no chain": "DELETE FROM chain",
        "chain of another kind": "UPDATE chain SET kind='x'",
        "a stranger in the chain": f"UPDATE chain SET der=x'{stranger.hex()}'",
        "chain position 7": "UPDATE chain SET position=7",
        "nine more in the chain": "; ".join(
            f"INSERT INTO chain SELECT kind, {n}, der FROM chain WHERE position=0" for n in range(1, 10)
        ),
        "every row away": "DELETE FROM chip",
        "its neighbours away": "DELETE FROM chip WHERE position IN (4, 6)",
        "the one before away": "DELETE FROM chip WHERE position=4",
        "positions moved": "UPDATE chip SET position=position+100",
        "two rows exchanged": "; ".join(
            f"UPDATE chip SET position={new} WHERE position={old}" for old, new in ((5, 99), (6, 5), (99, 6))
        ),
        "its UID another's": f"UPDATE chip SET uid='{absent}' WHERE uid='{uid}'",
        "another chip under its UID": ROW_AWAY + f"; UPDATE chip SET uid='{uid}' WHERE position=15",
    }
    for name, sql in schema.items():
        expect = (
            ALIKE
            if name in ("chain position 7", "an unknown row") or name == "a policy row" and b"reroot-pack/1" in good
            else REFUSE
        )
        yield case(name, lambda sql=sql: edited(folder, good, sql), uid, expect)
    for name, change in {
        "empty": lambda p: b"",
        "cut": lambda p: p[:5000],
        "another magic": lambda p: b"x" + p[1:],
        "text": lambda p: b"hello\n",
        "a batch's statement": lambda p: batch.files["manifest.json"],
    }.items():
        yield case(name, lambda change=change: change(good))
    for at in range(100, len(good), max(1, len(good) // 60)):
        # many bytes of the file are of other chips, or of none
        yield Case(
            "packs, bytes",
            f"byte {at}",
            batch,
            lambda at=at: good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :],
            ALIKE,
            "lookup",
            [uid],
            False,
        )


def edited(folder, good, sql):
    path = os.path.join(folder, f"{os.getpid()}.pack")
    with open(path, "wb") as file:
        file.write(good)
    database = sqlite3.connect(path)
    database.executescript(sql)
    database.commit()
    database.close()
    data = read(path)
    os.remove(path)
    for more in ("-wal", "-shm"):
        if os.path.exists(path + more):
            os.remove(path + more)
    return data
