//! A table of numbered rows with a slot, and what a reader of it must see.

use std::time::Duration;

use crate::harness::{Database, PATIENCE, Server};
use pgwalstream::{Event, EventKind, Options, Stream};

/// A database with a table `t (id int primary key, note text)`, a publication and a slot.
pub struct Table {
    pub db: Database<'static>,
    pub slot: String,
}

impl Table {
    pub fn new(version: u32) -> Self {
        let mut db = Server::shared(version).database();
        db.run("CREATE TABLE t (id int PRIMARY KEY, note text); CREATE PUBLICATION pub FOR TABLE t");
        let slot = db.slot();
        Self { db, slot }
    }

    pub fn options(&self) -> Options {
        Options::new().conninfo(self.db.conninfo()).slot(&self.slot).publication("pub")
    }

    pub async fn connect(&self) -> Stream {
        within(Stream::connect(&self.options())).await.unwrap()
    }

    /// Inserts rows, each in a transaction of its own.
    pub fn insert(&mut self, from: i32, to: i32) {
        self.db.run(&format!(
            "DO $$ BEGIN FOR i IN {from}..{to} LOOP INSERT INTO t VALUES (i, 'note ' || i); COMMIT; END LOOP; END $$"
        ));
    }
}

/// The row's number, of an insert.
pub fn number(event: &Event) -> Option<i32> {
    (event.kind() == EventKind::Insert).then(|| event.new_row().unwrap().get("id").unwrap().as_i32().unwrap())
}

/// Reads until `count` rows came and the last one's commit; acknowledges that.
pub async fn numbers(stream: &mut Stream, count: usize) -> Vec<i32> {
    let mut seen = Vec::new();
    loop {
        let event = within(stream.next_event()).await.unwrap().expect("the stream goes on");
        seen.extend(number(&event));
        stream.ack(event.ack_lsn()).unwrap();
        if seen.len() >= count && event.kind() == EventKind::Commit {
            return seen;
        }
    }
}

/// What does not come to pass in a time that is enough for anything fails.
#[track_caller]
pub fn within<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.unwrap_or_else(|_| panic!("nothing came in {PATIENCE:?}, at {place}"))
    }
}

/// A runtime of one thread.
pub fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A runtime of several.
pub fn many_threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap()
}

/// A pause that lets others run.
pub async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Runs what blocks, such as SQL, outside of the runtime: the SQL client has one of its own.
pub fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}
