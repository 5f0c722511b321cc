-- What benches/guard/capture.bin is a capture of: small transactions, a larger one, NULLs, old rows, keys, a message.
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, city text, price numeric(10, 2), amount int, paid boolean,
                     at timestamptz, note text);
CREATE TABLE stock (id int PRIMARY KEY, place text, amount int);
ALTER TABLE stock REPLICA IDENTITY FULL;
CREATE PUBLICATION guard FOR TABLE orders, stock;
INSERT INTO stock SELECT g, 'place ' || g % 7, 100 FROM generate_series(1, 50) g;
DO $$ BEGIN PERFORM pg_create_logical_replication_slot('guard', 'pgoutput'); END $$;
DO $$ BEGIN
  FOR i IN 1..100 LOOP
    INSERT INTO orders VALUES (i, 'customer ' || i, 'city ' || i % 13, i * 1.25, i % 5, i % 2 = 0, '2026-01-01Z', NULL);
    UPDATE stock SET amount = amount - 1 WHERE id = i % 50 + 1;
    COMMIT;
  END LOOP;
END $$;
INSERT INTO orders
SELECT 1000 + g, 'customer ' || g, 'city ' || g % 13, g * 1.25, g % 5, NULL, '2026-01-01Z', repeat('n', g % 40)
FROM generate_series(1, 500) g;
DELETE FROM orders WHERE id <= 20;
SELECT lsn, data FROM pg_logical_slot_get_binary_changes('guard', NULL, NULL, 'proto_version', '1',
                                                         'publication_names', 'guard')
\g (format=unaligned tuples_only=on)
