//! S1: whoever may create functions and operators in a schema on the search path puts them where the library's
//! statements would find them, and they would run with the rights of the stream's role.

use super::{backends, role};
use crate::harness::admin::flag;
use crate::harness::server::unique;
use crate::harness::{Admin, Database, Options, Server, eventually};

/// A role that may only create in `public`, and does: what the library compares, lists and asks is answered by it.
fn hostile(db: &mut Database<'_>) -> String {
    let mallory = unique("mallory");
    let text = "CREATE ROLE m LOGIN; GRANT CREATE ON SCHEMA public TO m;
        CREATE TABLE parted (id int NOT NULL, v text) PARTITION BY LIST (id);
        CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
        CREATE TABLE single (id int PRIMARY KEY, v text);
        CREATE PUBLICATION pub FOR TABLE parted, single WITH (publish_via_partition_root = true);
        SET ROLE m;
        CREATE FUNCTION public.eq(oid, regclass) RETURNS bool LANGUAGE plpgsql AS
            $$ BEGIN EXECUTE 'ALTER ROLE m SUPERUSER'; RETURN true; END $$;
        CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.eq);
        CREATE FUNCTION public.unnest(int2[]) RETURNS SETOF int2 LANGUAGE plpgsql AS
            $$ BEGIN EXECUTE 'ALTER ROLE m SUPERUSER'; END $$;
        CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE plpgsql AS
            $$ BEGIN EXECUTE 'ALTER ROLE m SUPERUSER'; RETURN 'logical'; END $$;
        RESET ROLE";
    db.run(&text.replace(" m;", &format!(" {mallory};")).replace("ROLE m ", &format!("ROLE {mallory} ")));
    if db.server.version >= 150_000 / 10_000 {
        db.run("CREATE PUBLICATION columns FOR TABLE single (id)");
    }
    mallory
}

fn s1_nobody_becomes_a_superuser_by_a_stream(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let mallory = hostile(&mut db);
    let columns = if version >= 15 { "columns" } else { "pub" };
    // A path of the role's own, with somebody's schema before the system's.
    let (name, conninfo) = role(&mut db);
    db.run(&format!("ALTER ROLE {name} SET search_path = public, pg_catalog"));
    for backend in backends() {
        for publication in ["pub", columns] {
            let slot = db.slot();
            let options = Options::stream(&conninfo, &slot, publication);
            let log = Default::default();
            let options = options.with("health_interval", "20ms").with("backend", backend).with_log(&log);
            let stream = options.open().unwrap();
            eventually("the health is looked at", || stream.slot_health().is_ok());
            drop(stream);
            let admin = Admin::with(&Options::new().with("conninfo", &conninfo).with("backend", backend));
            assert_eq!(admin.publications().unwrap().len(), if version >= 15 { 2 } else { 1 });
            assert!(!admin.tables(publication).unwrap().is_empty());
            admin.health(&slot).unwrap();
            let path = admin.query("SHOW search_path").unwrap();
            assert_eq!(
                path[0][0].as_deref(),
                Some("public, pg_catalog"),
                "the user's own SQL has the user's path"
            );
        }
    }
    let rights = format!("SELECT rolsuper FROM pg_roles WHERE rolname = '{mallory}'");
    assert_eq!(db.text(&rights), "f");
}

on_versions! { s1_nobody_becomes_a_superuser_by_a_stream v14 14, v18 18 }

/// Copies of the system's functions, operators and type names, of which each says that it was used.
const TRAPS: &str = r#"
    CREATE SCHEMA evil;
    DO $do$
    DECLARE it record; n int := 0; trap text := $$ LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''hijacked in %'', pg_catalog.current_database(); END' $$;
    BEGIN
        FOR it IN SELECT oprname, format_type(oprleft, NULL) l, format_type(oprright, NULL) r,
            format_type(oprresult, NULL) o FROM pg_operator
            WHERE oprkind = 'b' AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '||', '+', '-', '*', '/')
        LOOP
            n := n + 1;
            BEGIN
                EXECUTE format('CREATE FUNCTION evil.trap_%s(%s, %s) RETURNS %s', n, it.l, it.r, it.o) || trap;
                EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.trap_%s)',
                    it.oprname, it.l, it.r, n);
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
        FOR it IN SELECT proname, oidvectortypes(proargtypes) args, format_type(prorettype, NULL) o,
            CASE WHEN proretset THEN 'SETOF ' ELSE '' END AS many FROM pg_proc
            WHERE prokind = 'f' AND provariadic = 0 AND pronamespace = 'pg_catalog'::regnamespace
            AND (proname ~ '^(age|current_|has_|now|obj_|oidv|pg_|quote_|set_config|unnest|concat|format|lower|upper|length|extract|date_|to_)')
        LOOP
            BEGIN
                EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s%s', it.proname, it.args, it.many, it.o) || trap;
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
        FOR it IN SELECT unnest(ARRAY['text', 'name', 'oid', 'int2', 'int4', 'int8', 'bool', 'regclass', 'pg_lsn']) t
        LOOP
            EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.int4 CHECK (false)', it.t);
        END LOOP;
    END $do$"#;

/// No statement of the library's meets what stands before pg_catalog on the path, not even where it keeps the path.
fn s1_no_statement_looks_anything_up_along_the_path(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text);
            CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT;
            CREATE PUBLICATION pub FOR TABLE t, p WITH (publish_via_partition_root = true)");
    db.run(TRAPS);
    let (name, conninfo) = role(&mut db);
    db.run(&format!("ALTER ROLE {name} IN DATABASE {} SET search_path = evil, pg_catalog, public", db.name));
    for backend in backends() {
        let options = Options::new().with("conninfo", &conninfo).with("publication", "pub");
        let admin = Admin::with(&options.with("backend", backend));
        let sprung = admin.query("SELECT 1 WHERE 'a'::pg_catalog.text = 'a'").unwrap_err().unwrap_err();
        assert!(sprung.message.contains("hijacked"), "the traps are set: {sprung:?}");
        let marks = db.text("SELECT pg_current_wal_lsn()");
        let (slot, copy, other) = (unique("slot"), unique("slot"), unique("pub"));
        admin.create_publication(&other, Some("public.t"), flag::INSERT).unwrap();
        assert_eq!(admin.publications().unwrap().len(), 2, "{marks}");
        assert_eq!(admin.tables("pub").unwrap().len(), 2);
        admin.drop_publication(&other).unwrap();
        admin.create(&slot, 0).unwrap();
        assert_eq!((admin.read(&slot).unwrap().name, admin.list().is_ok()), (slot.clone(), true));
        admin.health(&slot).unwrap();
        admin.copy(&slot, &copy, None, 0).unwrap();
        admin.advance(&copy, db.position()).unwrap();
        admin.drop_slot(&copy, 0, 60_000).unwrap();
        db.run("BEGIN; SELECT pg_current_xact_id()");
        let late = admin.create_within(&copy, None, 0, 300).unwrap_err().unwrap_err();
        assert!(late.detail.contains("pid "), "{late:?}");
        db.run("ROLLBACK");
        let options = Options::stream(&conninfo, &slot, "pub").with("health_interval", "20ms");
        let log = Default::default();
        let stream = options.with("backend", backend).with_log(&log).open().unwrap();
        eventually("the health is looked at", || stream.slot_health().is_ok());
        assert_eq!(*log.lock().unwrap(), []);
    }
    // Each of the library's looks may fail without a word; the server's log has it.
    let sprung = format!("hijacked in {}", db.name);
    assert_eq!(server.logged(&sprung), backends().len(), "only the two that prove the traps");
}

on_versions! { s1_no_statement_looks_anything_up_along_the_path v14 14, v18 18 }
