CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer text NOT NULL,
    amount numeric(10, 2),
    tags text[],
    details jsonb,
    placed timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE baskets (id int PRIMARY KEY, content text);
ALTER TABLE baskets REPLICA IDENTITY FULL;
CREATE PUBLICATION demo_pub FOR TABLE orders, baskets;
SELECT FROM pg_create_logical_replication_slot('demo_slot', 'pgoutput');
