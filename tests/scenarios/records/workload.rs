//! What writes records of nearly every kind: heap, all index methods, TOAST, vacuum, sequences, DDL, prepared and nested
//! transactions, messages, checkpoints, a switch.

use crate::harness::{Database, Server};

/// A server that writes all that its version can write.
pub fn server(version: u32, compression: &str) -> Server {
    let compression = format!("wal_compression={compression}");
    Server::start(
        version,
        &[
            "wal_level=logical",
            "max_prepared_transactions=10",
            "autovacuum=off",
            "track_commit_timestamp=on",
            "timezone=UTC",
            "wal_keep_size=1GB",
            "wal_log_hints=on",
            &compression,
        ],
    )
}

/// Runs it, and tells from where to where the WAL of it stands.
pub fn run(db: &mut Database<'_>) -> (u64, u64) {
    let begin = db.lsn("SELECT pg_current_wal_insert_lsn()");
    for statements in [HEAP, INDEXES, TRANSACTIONS, CLEANING] {
        db.script(statements);
    }
    let mut other = db.server.client(&db.name);
    db.run("BEGIN; SELECT * FROM locked FOR SHARE");
    other.batch_execute("BEGIN; SELECT * FROM locked FOR SHARE; COMMIT").unwrap();
    db.run("COMMIT");
    // Nested transactions that are open at a checkpoint: few, and more than a server remembers of one.
    let mut nested = db.server.client(&db.name);
    let open = "SAVEPOINT s; INSERT INTO locked VALUES (3);";
    nested.batch_execute(&format!("BEGIN; {}", open.repeat(3))).unwrap();
    db.run("CHECKPOINT");
    nested.batch_execute(&open.repeat(70)).unwrap();
    db.script(ENDING);
    nested.batch_execute("COMMIT").unwrap();
    let end = db.lsn("SELECT pg_current_wal_insert_lsn()");
    // What stands behind a flush is on the disk.
    db.run("SELECT pg_switch_wal(); CREATE TABLE behind (id int)");
    (begin, end)
}

const HEAP: &str = "CREATE TABLE t (id int PRIMARY KEY, v text, big text);
ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
INSERT INTO t SELECT i, 'value ' || i, NULL FROM generate_series(1, 2000) i;
INSERT INTO t SELECT i, 'toast', repeat('x', 20000) FROM generate_series(3001, 3010) i;
UPDATE t SET v = v || '!' WHERE id % 7 = 0;
UPDATE t SET id = id + 10000 WHERE id % 11 = 0;
DELETE FROM t WHERE id % 13 = 0;
ALTER TABLE t REPLICA IDENTITY FULL;
UPDATE t SET v = 'full' WHERE id < 50;
DELETE FROM t WHERE id < 20;
CREATE TABLE copied (a int, b text);
COPY copied FROM PROGRAM 'seq -f \"%g copied\" 1 3000 | tr \" \" \"\\t\"';
CREATE TABLE conflicts (id int PRIMARY KEY, n int);
INSERT INTO conflicts VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 2;
INSERT INTO conflicts VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 2;
CREATE TABLE truncated (id int PRIMARY KEY, s serial);
INSERT INTO truncated SELECT generate_series(1, 10);
TRUNCATE truncated RESTART IDENTITY CASCADE;
CREATE TABLE locked (id int);
INSERT INTO locked VALUES (1), (2);
CREATE SEQUENCE seq;
SELECT nextval('seq') FROM generate_series(1, 100);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY)";

const INDEXES: &str = "CREATE TABLE indexed (id int, n int, words int[], p point, r int4range, t text);
CREATE INDEX ON indexed USING btree (n);
CREATE INDEX ON indexed USING hash (n);
CREATE INDEX gin ON indexed USING gin (words);
CREATE INDEX ON indexed USING gist (r);
CREATE INDEX ON indexed USING spgist (p);
CREATE INDEX ON indexed USING spgist (t);
CREATE INDEX ON indexed USING brin (id) WITH (pages_per_range = 2, autosummarize = off);
INSERT INTO indexed SELECT i, i % 500, ARRAY[i % 50, i % 7], point(i % 100, i / 100), int4range(i, i + 10),
    'text ' || md5(i::text) FROM generate_series(1, 6000) i;
SELECT gin_clean_pending_list('gin');
INSERT INTO indexed SELECT i, 1, ARRAY[1], point(1, 1), int4range(i, i + 1), 'same' FROM generate_series(1, 3000) i;
SELECT brin_summarize_new_values('indexed_id_idx');
SELECT brin_desummarize_range('indexed_id_idx', 0);
DELETE FROM indexed WHERE id % 3 = 0;
VACUUM indexed;
DELETE FROM indexed WHERE id < 5500;
VACUUM indexed;
VACUUM indexed;
INSERT INTO indexed SELECT i, i, ARRAY[i], point(i, i), int4range(i, i + 1), 'again' FROM generate_series(1, 1000) i;
REINDEX TABLE indexed";

const TRANSACTIONS: &str = "BEGIN; INSERT INTO conflicts VALUES (2, 2); SAVEPOINT a; INSERT INTO conflicts VALUES (3, 3);
    SAVEPOINT b; INSERT INTO conflicts VALUES (4, 4); ROLLBACK TO b; INSERT INTO conflicts VALUES (5, 5); COMMIT;
DO $$ BEGIN FOR i IN 100..180 LOOP BEGIN INSERT INTO conflicts VALUES (i, i); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$;
BEGIN; INSERT INTO conflicts VALUES (900, 0); ROLLBACK;
BEGIN; CREATE TABLE rolled_back (id int PRIMARY KEY); INSERT INTO rolled_back VALUES (1); ROLLBACK;
BEGIN; INSERT INTO conflicts VALUES (20, 20); SAVEPOINT p; INSERT INTO conflicts VALUES (21, 21);
    CREATE TABLE prepared (id int); PREPARE TRANSACTION 'first gid';
COMMIT PREPARED 'first gid';
BEGIN; INSERT INTO conflicts VALUES (30, 30); DROP TABLE prepared; PREPARE TRANSACTION 'second';
ROLLBACK PREPARED 'second';
SELECT pg_logical_emit_message(true, 'prefix', 'inside');
SELECT pg_logical_emit_message(false, 'prefix', 'outside');
SELECT pg_replication_origin_create('an_origin');
SELECT pg_replication_origin_session_setup('an_origin');
BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2026-01-02 03:04:05.6+00'); INSERT INTO conflicts VALUES (40, 40); COMMIT;
SELECT pg_replication_origin_session_reset();
SELECT pg_replication_origin_drop('an_origin');
CREATE FUNCTION dropped() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT dropped();
DROP FUNCTION dropped();
SET synchronous_commit = remote_apply;
INSERT INTO conflicts VALUES (50, 50);
RESET synchronous_commit;
CREATE TABLE part (id int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
INSERT INTO part VALUES (5);
UPDATE part SET id = 15;
DROP TABLE part";

const CLEANING: &str = "CREATE TABLE pruned (id int, v text) WITH (fillfactor = 50);
INSERT INTO pruned SELECT i, repeat('v', 100) FROM generate_series(1, 500) i;
UPDATE pruned SET v = repeat('w', 101) WHERE id % 2 = 0;
UPDATE pruned SET v = repeat('x', 102) WHERE id % 2 = 0;
SELECT count(*) FROM pruned;
UPDATE pruned SET v = repeat('y', 103) WHERE id % 3 = 0;
SELECT count(*) FROM pruned;
DELETE FROM pruned WHERE id < 100;
VACUUM pruned;
VACUUM (FREEZE) pruned;
VACUUM (FREEZE) t;
CREATE TABLE trees (k int);
CREATE INDEX ON trees (k);
INSERT INTO trees SELECT generate_series(1, 40000);
DELETE FROM trees WHERE k BETWEEN 5000 AND 35000;
VACUUM trees;
INSERT INTO trees SELECT k FROM generate_series(1, 50) k, generate_series(1, 400);
VACUUM trees;
DELETE FROM trees WHERE k % 2 = 0;
VACUUM trees;
VACUUM FULL pruned;
CLUSTER t USING t_pkey";

const ENDING: &str = "CHECKPOINT;
UPDATE t SET v = 'behind a checkpoint' WHERE id BETWEEN 100 AND 300;
UPDATE conflicts SET n = n + 1;
DELETE FROM trees WHERE k > 39000;
SELECT pg_create_restore_point('a point');
CREATE DATABASE another;
DROP DATABASE another;
SELECT pg_switch_wal();
INSERT INTO conflicts VALUES (60, 60);
CHECKPOINT;
INSERT INTO conflicts VALUES (70, 70)";
