-- Each statement is a transaction, unless it stands between BEGIN and COMMIT.
INSERT INTO orders VALUES (1, E'a "quoted" \\ name\twith\nlines €', 12.50, '2026-02-28 12:34:56.789+00', repeat('x', 3000));
UPDATE orders SET customer = 'b' WHERE id = 1;
UPDATE orders SET customer = NULL, big = 'small' WHERE id = 1;
UPDATE orders SET id = 2, total = -0.01 WHERE id = 1;
DELETE FROM orders WHERE id = 2;
INSERT INTO whole VALUES (1, 'b', repeat('y', 3000)), (2, NULL, 'short');
UPDATE whole SET b = 'changed' WHERE a = 1;
DELETE FROM whole WHERE a = 2;
INSERT INTO pairs VALUES (1, 2, 'first');
UPDATE pairs SET note = 'second' WHERE a = 1;
UPDATE pairs SET a = 3 WHERE a = 1;
DELETE FROM pairs WHERE a = 3;
INSERT INTO nokey VALUES ('v');
INSERT INTO "Odd, name" VALUES (1, 'x');
UPDATE "Odd, name" SET "a ""b" = 'y';
INSERT INTO toasted VALUES (1, repeat('t', 3000), decode(repeat('00ff', 1500), 'hex'), array_fill(7, ARRAY[1000]),
  array_fill('word'::text, ARRAY[1000]), ('"' || repeat('j', 3000) || '"')::json, hstore('k', repeat('h', 3000)),
  ('<a>' || repeat('x', 3000) || '</a>')::xml, (repeat('12345', 2000))::numeric);
UPDATE toasted SET id = 1;
BEGIN;
INSERT INTO orders VALUES (10, 'in a transaction', 1, NULL, NULL);
INSERT INTO pairs VALUES (10, 10, NULL);
SELECT pg_logical_emit_message(true, 'inside', 'content');
UPDATE orders SET customer = 'again' WHERE id = 10;
SAVEPOINT s;
INSERT INTO orders VALUES (11, 'in a savepoint', 1, NULL, NULL);
ROLLBACK TO s;
INSERT INTO orders VALUES (12, 'behind a savepoint', 1, NULL, NULL);
COMMIT;
SELECT pg_logical_emit_message(false, 'outside', '\x00ff'::bytea);
TRUNCATE nokey, whole;
INSERT INTO types VALUES (1, true, -32768, 2147483647, -9223372036854775808, 4294967295, 0.1, 1e20,
  123.4500, 1.5, 42, '$1,234.50',
  'text', 'varchar', 'ab', 'name', '<a/>', '{"a":  1}', '{"b": [1, 2]}', '0e37df36-f698-11e6-8dd4-cb9ced3df976', 'CiText',
  'a.b.c', '\x00ff5c', '1', '10101', repeat('10', 32)::bit(64), '1010',
  '2026-02-28', '12:34:56.789012', '12:34:56.789', '2026-02-28 12:34:56.789012', '2026-02-28 12:34:56.789', '2026-02-28 12:34:56',
  '2026-02-28 12:34:56.789012+02', '2026-02-28 12:34:56.7+00', '12:34:56.789012+02', '1 year 2 mons 3 days 04:05:06.789',
  '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', 'a:1A fat:2',
  '[1,5)', '[1,5)', '[1.5,2.5]', '["2026-01-01 00:00:00","2026-02-01 00:00:00")', '["2026-01-01 00:00:00+00",)', '[2026-01-01,2026-02-01)',
  '(1.5,-2)', '"k"=>"v\"w"');
INSERT INTO types (id) VALUES (2);
INSERT INTO types (id, bool, int2, oid, float4, float8, num, num10, num5, money, bit1, bit5, bit64, varbit, date, time, time3, timestamp, timestamp3,
  timestamptz, timetz, interval, hstore, bytea, text)
VALUES (3, false, 0, 0, 'NaN', '-Infinity', -1000000000000000000000000000000000000000000000000.001, -0.01, -99999, '-$0.01', '0', '00000', repeat('0', 64)::bit(64), '0',
  '0044-03-15 BC', '24:00:00', '00:00:00.001', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999',
  '0044-03-15 12:00:00+00 BC', '23:59:59.5-03:30', '-1 mons +2 days -00:00:00.000001', '"n"=>NULL', '', '');
INSERT INTO types (id, float4, float8, num, num10, date, timestamp, timestamptz)
VALUES (4, 1, 1e-5, 0, 'NaN', '9999-12-31', '20000-01-01', '20000-01-01 00:00:00+00');
INSERT INTO types (id, float4, float8, num) VALUES (5, 16777216, 9999999.5, 100);
INSERT INTO types (id, date, timestamp, timestamptz, num) VALUES (6, 'infinity', 'infinity', 'infinity', 'NaN');
INSERT INTO types (id, date, timestamp, timestamptz, num, interval) VALUES (7, '-infinity', '-infinity', '-infinity', 'Infinity', 'infinity');
INSERT INTO arrays VALUES (1, '{1,NULL,-2}', '{1,2}', '{9223372036854775807}', '{4294967295}', '{0.1,1}', '{1e20,NULL}', '{1.50,-2}', '{1.50,-2}',
  '{t,f,NULL}', '{a,NULL,"q\"uote","two words"}', '{v}', '{ab}', '{"\\x00ff"}', '{2026-02-28,1969-12-31}', '{12:34:56.789012}',
  '{"2026-02-28 12:34:56.789012"}', '{"2026-02-28 12:34:56.789"}', '{"2026-02-28 12:34:56.789+00"}', '{12:34:56+02}',
  '{0e37df36-f698-11e6-8dd4-cb9ced3df976}', '{"{\"a\": 1}"}', '{"{\"b\": 2}"}', '{192.168.0.1}', '{"[1,5)"}');
INSERT INTO arrays (id, int4, text) VALUES (2, '{}', '{}');
INSERT INTO others VALUES (1, '7', '(1,2)', '0/16B3748', 'a & b', '8', '$.a', '{[1,5)}', '{$1.00}', '{n}', '{1 day}', '{101}', '{<a/>}', '{"(1,2)"}');
INSERT INTO moods VALUES (1, 'able');
ALTER TABLE orders ADD note text;
UPDATE orders SET note = 'n' WHERE id = 12;
SELECT pg_logical_emit_message(false, 'end', '');
