//! The example for Rust programs, run as a user would, prints the rows and acknowledges them.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::Server;

/// The example that cargo built beside this test.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let found =
        test.ancestors().map(|folder| folder.join("examples/typed_rows")).find(|program| program.exists());
    found.expect("build it before, with the same features: cargo build --examples --all-features")
}

#[test]
fn typed_rows() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10, 2), note text, placed timestamptz);
         ALTER TABLE orders ALTER note SET STORAGE EXTERNAL; CREATE TABLE others (id int PRIMARY KEY);
         CREATE PUBLICATION shop FOR ALL TABLES",
    );
    let slot = db.slot();
    db.run("INSERT INTO orders VALUES (1, 'Ada', 12.50, repeat('n', 9000), '2026-01-02 03:04:05+00'), (2, 'Bob', NULL, NULL, NULL)");
    db.run("INSERT INTO others VALUES (1)");
    db.run("UPDATE orders SET total = 13 WHERE id = 1");
    db.run("DELETE FROM orders WHERE id = 2");
    let output = Command::new(example())
        .args([&db.conninfo(), &slot, "shop", "5"])
        .output()
        .expect("the example starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "INSERT 1: Ada, 12.50, placed 2026-01-02T03:04:05Z, 9000 bytes of note",
            "INSERT 2: Bob, not known, placed never",
            "UPDATE 1: Ada, 13.00, placed 2026-01-02T03:04:05Z, the note as before",
            "DELETE 2",
        ]
    );
    // All of it was acknowledged: the next run has nothing but what comes now.
    db.released(&slot);
    db.run("INSERT INTO orders VALUES (3, 'Eve', 1)");
    let output = Command::new(example()).args([&db.conninfo(), &slot, "shop", "1"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "INSERT 3: Eve, 1.00, placed never\n");

    let usage = Command::new(example()).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    let failed = Command::new(example()).args([&db.conninfo(), &slot, "no_such", "1"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("CREATE PUBLICATION"), "a hint is shown");
}
