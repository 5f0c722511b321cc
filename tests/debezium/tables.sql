-- What the changes of changes.sql are made to. Columns have no defaults and only keys are NOT NULL: neither is in the stream, and
-- Debezium asks the catalog for both.
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE TYPE mood AS ENUM ('able', 'ill');
CREATE TABLE orders (id int PRIMARY KEY, customer text, total numeric(10,2), placed timestamptz, big text);
ALTER TABLE orders ALTER big SET STORAGE EXTERNAL;
CREATE TABLE whole (a int, b text, c text);
ALTER TABLE whole REPLICA IDENTITY FULL;
ALTER TABLE whole ALTER c SET STORAGE EXTERNAL;
CREATE TABLE pairs (a int, b int, note text, PRIMARY KEY (b, a));
CREATE TABLE nokey (v text);
CREATE TABLE "Odd, name" ("Id" int PRIMARY KEY, "a ""b" text);
CREATE TABLE toasted (id int PRIMARY KEY, t text, b bytea, n int[], w text[], j json, h hstore, x xml, num numeric);
ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL, ALTER w SET STORAGE EXTERNAL,
  ALTER j SET STORAGE EXTERNAL, ALTER h SET STORAGE EXTERNAL, ALTER x SET STORAGE EXTERNAL, ALTER num SET STORAGE EXTERNAL;
CREATE TABLE types (
  id int PRIMARY KEY,
  bool bool, int2 int2, int4 int4, int8 int8, oid oid, float4 float4, float8 float8,
  num numeric, num10 numeric(10,2), num5 numeric(5,0), money money,
  text text, varchar varchar(10), bpchar char(5), name name, xml xml, json json, jsonb jsonb, uuid uuid, citext citext,
  ltree ltree, bytea bytea, bit1 bit(1), bit5 bit(5), bit64 bit(64), varbit varbit(17),
  date date, time time, time3 time(3), timestamp timestamp, timestamp3 timestamp(3), timestamp0 timestamp(0), timestamptz timestamptz,
  timestamptz3 timestamptz(3), timetz timetz, interval interval,
  inet inet, cidr cidr, macaddr macaddr, macaddr8 macaddr8, tsvector tsvector,
  int4range int4range, int8range int8range, numrange numrange, tsrange tsrange, tstzrange tstzrange, daterange daterange,
  point point, hstore hstore
);
CREATE TABLE arrays (
  id int PRIMARY KEY,
  int2 int2[], int4 int4[], int8 int8[], oid oid[], float4 float4[], float8 float8[], num numeric[], num10 numeric(10,2)[],
  bool bool[], text text[], varchar varchar(10)[], bpchar char(3)[], bytea bytea[], date date[], time time[], timestamp timestamp[],
  timestamp3 timestamp(3)[], timestamptz timestamptz[], timetz timetz[], uuid uuid[], json json[], jsonb jsonb[], inet inet[],
  int4range int4range[]
);
-- An enum's values are not in the stream, so that its schema cannot be told.
CREATE TABLE moods (id int PRIMARY KEY, mood mood);
-- Of these Debezium writes nothing.
CREATE TABLE others (
  id int PRIMARY KEY,
  xid xid, tid tid, pg_lsn pg_lsn, tsquery tsquery, xid8 xid8, jsonpath jsonpath, multirange int4multirange,
  money money[], name name[], interval interval[], varbit varbit[], xml xml[], point point[]
);
CREATE PUBLICATION pub FOR ALL TABLES;
