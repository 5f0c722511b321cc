//! Changes of a partitioned table come under the names of its partitions, or, with publish_via_partition_root, under
//! its own name and with its own columns, however a partition orders them.

use crate::harness::{Format, Options, Server};

fn partitions(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE sales (id int, region text, amount int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
         CREATE TABLE sales_n PARTITION OF sales FOR VALUES IN ('n');
         CREATE TABLE sales_s (amount int, junk int, region text NOT NULL, id int NOT NULL);
         ALTER TABLE sales_s DROP COLUMN junk;
         ALTER TABLE sales ATTACH PARTITION sales_s FOR VALUES IN ('s');
         CREATE PUBLICATION leaves FOR TABLE sales;
         CREATE PUBLICATION root FOR TABLE sales WITH (publish_via_partition_root = true)",
    );
    let (leaves, root) = (db.slot(), db.slot());
    db.run(
        "BEGIN;
         INSERT INTO sales VALUES (1, 'n', 10), (2, 's', 20);
         UPDATE sales SET amount = amount + 1;
         UPDATE sales SET region = 's' WHERE id = 1;
         DELETE FROM sales WHERE id = 2;
         TRUNCATE sales;
         COMMIT",
    );
    let read = |slot: &str, publication: &str| -> Vec<String> {
        let options = Options::stream(&db.conninfo(), slot, publication).with("binary", format.option());
        let seen = options.open().unwrap().read_transactions(1);
        seen.into_iter().map(|event| event.line).collect()
    };
    assert_eq!(
        read(&leaves, "leaves"),
        [
            "BEGIN",
            "RELATION public.sales_n (id:23* region:25* amount:23) d#1",
            "INSERT public.sales_n new id=1 region=n amount=10",
            "RELATION public.sales_s (amount:23 region:25* id:23*) d#1",
            "INSERT public.sales_s new amount=20 region=s id=2",
            "UPDATE public.sales_n new id=1 region=n amount=11",
            "UPDATE public.sales_s new amount=21 region=s id=2",
            "DELETE public.sales_n key id=1 region=n amount=<absent>",
            "INSERT public.sales_s new amount=11 region=s id=1",
            "DELETE public.sales_s key amount=<absent> region=s id=2",
            "TRUNCATE public.sales_n public.sales_s",
            "COMMIT",
        ]
    );
    assert_eq!(
        read(&root, "root"),
        [
            "BEGIN",
            "RELATION public.sales (id:23* region:25* amount:23) d#1",
            // The server describes the partition, too, though no change is told in its terms.
            "RELATION public.sales_n (id:23* region:25* amount:23) d#1",
            "INSERT public.sales new id=1 region=n amount=10",
            "RELATION public.sales_s (amount:23 region:25* id:23*) d#1",
            "INSERT public.sales new id=2 region=s amount=20",
            "UPDATE public.sales new id=1 region=n amount=11",
            "UPDATE public.sales new id=2 region=s amount=21",
            "DELETE public.sales key id=1 region=n amount=<absent>",
            "INSERT public.sales new id=1 region=s amount=11",
            "DELETE public.sales key id=2 region=s amount=<absent>",
            "TRUNCATE public.sales",
            "COMMIT",
        ]
    );
}

on_every_version_and_format! { partitions }
