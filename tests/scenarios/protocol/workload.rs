//! Random transactions over a few tables: interleaved, with savepoints rolled back and released, and DDL.

use postgres::Client;

use crate::harness::Database;

/// Numbers that look random and are the same in each run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31) % below
    }
}

/// Four tables for each session, so that sessions never wait for each other, in a publication of all tables.
pub fn tables(db: &mut Database<'_>, sessions: usize) {
    db.run("CREATE PUBLICATION pub FOR ALL TABLES; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE done (n int)");
    for session in 0..sessions {
        db.run(&format!(
            "CREATE TABLE a{session} (id int PRIMARY KEY, v text, n int);
             CREATE TABLE b{session} (id int PRIMARY KEY, v text, n int); ALTER TABLE b{session} REPLICA IDENTITY FULL;
             CREATE TABLE c{session} (id int PRIMARY KEY, v text, n int, m mood DEFAULT 'ok');
             ALTER TABLE c{session} ALTER v SET STORAGE EXTERNAL;
             CREATE TABLE d{session} (id int, v text, n int)"
        ));
    }
}

/// One session's part.
pub struct Session {
    client: Client,
    number: usize,
    next_id: u64,
    depth: usize,
    open: bool,
    columns: u64,
    /// Rows that its statements touched, rolled back or not.
    pub rows: u64,
}

impl Session {
    pub fn new(db: &Database<'_>, number: usize) -> Self {
        let client = db.server.client(&db.name);
        Self { client, number, next_id: 0, depth: 0, open: false, columns: 0, rows: 0 }
    }

    /// One step of one transaction.
    pub fn step(&mut self, dice: &mut Dice, two_phase: bool) {
        if !self.open {
            if dice.roll(12) == 0 {
                let table = ["a", "b", "c", "d"][dice.roll(4) as usize];
                return self.run(&format!("TRUNCATE {table}{}", self.number));
            }
            self.run("BEGIN");
            self.open = true;
            return;
        }
        let n = self.number;
        let table = ["a", "b", "c", "d"][dice.roll(4) as usize];
        match dice.roll(100) {
            0..30 => {
                let count = 1 + dice.roll(60);
                let (from, to) = (self.next_id + 1, self.next_id + count);
                self.next_id = to;
                let width = [1, 10, 40, 700][dice.roll(4) as usize];
                self.change(&format!(
                    "INSERT INTO {table}{n} (id, v, n) SELECT i, repeat('x', {width}) || i, i FROM generate_series({from}, {to}) i"
                ));
            }
            30..50 => {
                let (part, rest) = (7 + dice.roll(20), dice.roll(7));
                let table = if table == "d" { "a" } else { table };
                self.change(&format!(
                    "UPDATE {table}{n} SET n = n + 1 WHERE id % {part} = {rest} AND id > {}",
                    self.recent()
                ));
            }
            50..58 => {
                let table = if table == "d" { "b" } else { table };
                self.change(&format!(
                    "UPDATE {table}{n} SET id = -id WHERE id % 31 = {} AND id > {}",
                    dice.roll(31),
                    self.recent()
                ));
            }
            58..68 => {
                let table = if table == "d" { "c" } else { table };
                self.change(&format!(
                    "DELETE FROM {table}{n} WHERE id % 17 = {} AND id > {}",
                    dice.roll(17),
                    self.recent()
                ));
            }
            70..72 if self.depth == 0 => {
                let text = dice.roll(1000);
                self.run(&format!("SELECT pg_logical_emit_message(true, 'session {n}', '{text}')"));
            }
            // DDL outside savepoints only, and TRUNCATE alone: no server streams reliably what holds both and is rolled
            // back ("could not map filenumber", 15.18, 17.10 and 18.4).
            70..73 if self.depth == 0 => {
                self.columns += 1;
                let column = self.columns;
                self.run(&format!("ALTER TABLE {table}{n} ADD COLUMN x{column} int DEFAULT {column}"));
            }
            73..75 if self.depth == 0 => {
                let column = self.columns;
                self.run(&format!("ALTER TABLE {table}{n} DROP COLUMN IF EXISTS x{column}"));
            }
            75..84 => {
                self.depth += 1;
                self.run(&format!("SAVEPOINT s{}", self.depth));
            }
            84..90 if self.depth > 0 => {
                // Back to any of them, which stays.
                self.depth -= dice.roll(self.depth as u64) as usize;
                self.run(&format!("ROLLBACK TO s{}", self.depth));
            }
            90..93 if self.depth > 0 => {
                self.run(&format!("RELEASE s{}", self.depth));
                self.depth -= 1;
            }
            68..94 => {}
            _ => self.end(dice, two_phase),
        }
    }

    /// Ends the transaction that is open, one way or another.
    pub fn end(&mut self, dice: &mut Dice, two_phase: bool) {
        if !self.open {
            return;
        }
        (self.open, self.depth) = (false, 0);
        match dice.roll(10) {
            0 => self.run("ROLLBACK"),
            1..4 if two_phase => {
                let gid = format!("gid {} {}", self.number, dice.roll(u64::MAX));
                self.run(&format!("PREPARE TRANSACTION '{gid}'"));
                let end = if dice.roll(3) == 0 { "ROLLBACK" } else { "COMMIT" };
                self.run(&format!("{end} PREPARED '{gid}'"));
            }
            _ => self.run("COMMIT"),
        }
    }

    /// Few of the rows there are, so that the statements stay small.
    fn recent(&self) -> u64 {
        self.next_id.saturating_sub(300)
    }

    fn change(&mut self, statement: &str) {
        let touched =
            self.client.execute(statement, &[]).unwrap_or_else(|error| panic!("{error:?} in {statement}"));
        self.rows += touched;
    }

    fn run(&mut self, statement: &str) {
        self.client.batch_execute(statement).unwrap_or_else(|error| panic!("{error:?} in {statement}"));
    }
}

/// Runs steps of all sessions in turn until `rows` rows were touched, and ends them.
pub fn run(db: &mut Database<'_>, sessions: usize, rows: u64, seed: u64, two_phase: bool) -> u64 {
    let mut dice = Dice(seed);
    let mut all: Vec<Session> = (0..sessions).map(|number| Session::new(db, number)).collect();
    while all.iter().map(|session| session.rows).sum::<u64>() < rows {
        let at = dice.roll(sessions as u64) as usize;
        all[at].step(&mut dice, two_phase);
    }
    all.iter_mut().for_each(|session| session.end(&mut dice, two_phase));
    db.run("INSERT INTO done VALUES (1)");
    all.iter().map(|session| session.rows).sum()
}
