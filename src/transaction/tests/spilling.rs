//! What does not fit into memory: where it goes, what may go wrong there, and that its space comes back.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use super::model::options;
use crate::error::{Error, Status};
use crate::transaction::{
    AssembleOptions, Assembler, OfDoubtful, OfPrepared, Offered, SpillOptions, try_directory,
};

const XID: u32 = 901;

fn start(xid: u32, first: bool) -> Vec<u8> {
    [b"S", &xid.to_be_bytes()[..], &[u8::from(first)]].concat()
}

fn change(xid: u32, subxid: u32, size: usize) -> Vec<u8> {
    [b"I", &subxid.to_be_bytes()[..], &xid.to_be_bytes(), &vec![7; size]].concat()
}

fn commit(xid: u32) -> Vec<u8> {
    [b"c", &xid.to_be_bytes()[..], &[0; 25]].concat()
}

fn abort(xid: u32, subxid: u32) -> Vec<u8> {
    [b"A", &xid.to_be_bytes()[..], &subxid.to_be_bytes()].concat()
}

/// Gives messages, each of which is kept.
fn keep(assembler: &mut Assembler, messages: impl IntoIterator<Item = Vec<u8>>) -> Result<(), Error> {
    for message in messages {
        assert_eq!(assembler.offer(1, &message)?, Offered::Kept);
    }
    Ok(())
}

/// All messages of the delivery, counted, and the bytes of them.
fn drain(assembler: &mut Assembler) -> Result<(usize, usize), Error> {
    let (mut count, mut bytes) = (0, 0);
    while let Some((_, message)) = assembler.peek()? {
        (count, bytes) = (count + 1, bytes + message.len());
        assembler.advance()?;
    }
    Ok((count, bytes))
}

/// How much of the disk the file behind a descriptor takes.
fn on_disk(fd: &AtomicI32) -> u64 {
    let fd = fd.load(Ordering::SeqCst);
    if fd < 0 { 0 } else { std::fs::metadata(format!("/proc/self/fd/{fd}")).unwrap().blocks() * 512 }
}

#[test]
fn p7_memory_stays_within_its_budget_and_the_file_is_gone_with_its_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let (options, fd) = options(directory.path(), 1 << 20);
    let mut assembler = Assembler::new(options, Arc::clone(&fd));
    keep(&mut assembler, [start(XID, true)]).unwrap();
    for _ in 0..20_000 {
        keep(&mut assembler, [change(XID, XID, 1000)]).unwrap();
        assert!(assembler.counters().memory <= (1 << 20) + 4096);
    }
    let held = assembler.counters();
    assert!(held.disk > 18 << 20 && held.spilled == 1 && held.open == 1, "{held:?}");
    assert!(on_disk(&fd) > 18 << 20);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file has no name");
    keep(&mut assembler, [b"E".to_vec()]).unwrap();
    assert_eq!(assembler.offer(1, &commit(XID)).unwrap(), Offered::Deliver);
    for n in 0..10_000 {
        assert!(assembler.peek().unwrap().is_some(), "{n}");
        assembler.advance().unwrap();
    }
    assert!(assembler.counters().memory <= (1 << 20) + (600 << 10), "{:?}", assembler.counters());
    assert!(on_disk(&fd) < 12 << 20, "what was delivered is given back");
    assert_eq!(drain(&mut assembler).unwrap().0, 10_000 + 2);
    let left = assembler.counters();
    assert_eq!((left.open, left.memory, left.disk, left.assembled), (0, 0, 0, 1));
    assert_eq!((fd.load(Ordering::SeqCst), on_disk(&fd)), (-1, 0), "and its file is closed");
}

#[test]
fn p6_a_rollback_reaches_into_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let (options, fd) = options(directory.path(), 300 << 10);
    let mut assembler = Assembler::new(options, Arc::clone(&fd));
    keep(&mut assembler, [start(XID, true)]).unwrap();
    keep(&mut assembler, (0..500).map(|_| change(XID, XID, 1000))).unwrap();
    keep(&mut assembler, (0..5_000).map(|_| change(XID, XID + 1, 1000))).unwrap();
    keep(&mut assembler, [b"E".to_vec(), abort(XID, XID + 1)]).unwrap();
    let cut = assembler.counters();
    assert!(cut.disk < 1 << 20 && cut.truncated == 1 && cut.rolled_back_bytes >= 5_000_000, "{cut:?}");
    // The same subtransaction's id begins anew, as does another's.
    keep(&mut assembler, [start(XID, false)]).unwrap();
    keep(&mut assembler, (0..3).map(|n| change(XID, XID + 2 + n, 1000))).unwrap();
    keep(&mut assembler, [b"E".to_vec(), abort(XID, XID + 4), abort(XID, 77)]).unwrap();
    assert_eq!(assembler.offer(1, &commit(XID)).unwrap(), Offered::Deliver);
    let (count, _) = drain(&mut assembler).unwrap();
    assert_eq!(count, 500 + 2 + 2);
    assert_eq!(fd.load(Ordering::SeqCst), -1);
}

#[test]
fn a_whole_rollback_and_a_new_connection_leave_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for by_abort in [true, false] {
        let (options, fd) = options(directory.path(), 300 << 10);
        let mut assembler = Assembler::new(options, Arc::clone(&fd));
        keep(&mut assembler, [start(XID, true)]).unwrap();
        keep(&mut assembler, (0..2_000).map(|_| change(XID, XID, 1000))).unwrap();
        assert!(on_disk(&fd) > 0);
        if by_abort {
            keep(&mut assembler, [b"E".to_vec(), abort(XID, XID)]).unwrap();
        } else {
            assembler.reconnected();
        }
        let left = assembler.counters();
        assert_eq!((left.open, left.memory, left.disk), (0, 0, 0));
        assert_eq!(fd.load(Ordering::SeqCst), -1);
        assert_eq!(
            assembler.offer(1, &commit(XID)).unwrap(),
            Offered::Pass,
            "the decoder says that it never began"
        );
    }
}

#[test]
fn many_small_transactions_share_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let (options, fd) = options(directory.path(), 1 << 20);
    let mut assembler = Assembler::new(options, Arc::clone(&fd));
    for n in 0..500 {
        keep(&mut assembler, [start(n, true), change(n, n, 10_000), b"E".to_vec()]).unwrap();
    }
    let held = assembler.counters();
    assert!(held.open == 500 && held.memory <= 1 << 20 && held.disk > 3 << 20, "{held:?}");
    for n in 0..500 {
        assert_eq!(assembler.offer(1, &commit(n)).unwrap(), Offered::Deliver);
        assert_eq!(drain(&mut assembler).unwrap().0, 3, "{n}");
    }
    assert_eq!(fd.load(Ordering::SeqCst), -1);
}

/// A full stage whose file may be harmed.
fn spilled(directory: &Path) -> (Assembler, Arc<AtomicI32>) {
    let (options, fd) = options(directory, 300 << 10);
    let mut assembler = Assembler::new(options, Arc::clone(&fd));
    keep(&mut assembler, [start(XID, true)]).unwrap();
    keep(&mut assembler, (0..2_000).map(|_| change(XID, XID, 1000))).unwrap();
    keep(&mut assembler, [b"E".to_vec()]).unwrap();
    (assembler, fd)
}

fn file(fd: &AtomicI32) -> File {
    OpenOptions::new()
        .write(true)
        .read(true)
        .open(format!("/proc/self/fd/{}", fd.load(Ordering::SeqCst)))
        .unwrap()
}

#[test]
fn p7_a_damaged_segment_is_told_and_not_given() {
    let directory = tempfile::tempdir().unwrap();
    type Harm = fn(&File);
    let harms: [Harm; 4] = [
        |file| file.write_all_at(b"x", 300_000).unwrap(),
        |file| file.write_all_at(&[1], 262_144 + 20).unwrap(),
        // A block in another one's place.
        |file| {
            let mut block = vec![0; 100_000];
            file.read_exact_at(&mut block, 0).unwrap();
            file.write_all_at(&block, 262_000).unwrap();
        },
        |file| file.set_len(500_000).unwrap(),
    ];
    for harm in harms {
        let (mut assembler, fd) = spilled(directory.path());
        harm(&file(&fd));
        assert_eq!(assembler.offer(1, &commit(XID)).unwrap(), Offered::Deliver);
        let error = drain(&mut assembler).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_SPILL, "{error:?}");
        let place = directory.path().to_str().unwrap();
        assert!(error.message().contains(place) && error.hint().contains("Nothing is lost"), "{error:?}");
        assert!(!error.is_retriable());
    }
}

#[test]
fn p7_a_limit_a_full_disk_and_a_missing_directory_name_place_and_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let spill = |change: fn(&mut SpillOptions)| {
        let mut it = SpillOptions { directory: directory.path().into(), named: true, most: None, floor: 0 };
        change(&mut it);
        it
    };
    for (spill, says, remedy) in [
        (spill(|it| it.most = Some(1 << 20)), "assemble_disk", "Raise assemble_disk"),
        (spill(|it| it.floor = u64::MAX), "spill_min_free", "Make room"),
        (spill(|it| it.directory.push("gone")), "gone", "Give it a directory"),
        (spill(|it| it.directory = "/proc".into()), "/proc", "Give it a directory"),
    ] {
        let place = spill.directory.display().to_string();
        let fd = Arc::new(AtomicI32::new(-1));
        let mut assembler = Assembler::new(
            AssembleOptions {
                memory: 300 << 10,
                spill,
                prepared: OfPrepared::Tell,
                doubtful: OfDoubtful::Refuse,
            },
            Arc::clone(&fd),
        );
        keep(&mut assembler, [start(XID, true)]).unwrap();
        let error = keep(&mut assembler, (0..5_000).map(|_| change(XID, XID, 1000))).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_SPILL, "{error:?}");
        assert!(error.message().contains(&place) && error.message().contains(says), "{error:?}");
        assert!(error.hint().contains(remedy) && error.hint().contains("Nothing is lost"), "{error:?}");
        drop(assembler);
        assert_eq!(fd.load(Ordering::SeqCst), -1);
    }
}

#[test]
fn the_directory_is_tried_before_it_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let of = |directory: PathBuf, named, floor| SpillOptions { directory, named, most: None, floor };
    assert!(try_directory(&of(directory.path().into(), true, 0)).is_ok());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    assert!(try_directory(&of("/dev/shm".into(), true, 0)).is_ok(), "whoever names it means it");
    for (options, says) in [
        (of("/dev/shm".into(), false, 0), "/dev/shm lies in memory"),
        (of("/nowhere".into(), true, 0), "/nowhere: No such file"),
        (of(directory.path().into(), true, u64::MAX), "spill_min_free is"),
        (of("/etc/passwd".into(), true, 0), "/etc/passwd: "),
    ] {
        let error = try_directory(&options).unwrap_err();
        assert!(error.status() == Status::WAL_E_SPILL && error.message().contains(says), "{error:?}");
    }
}

/// The descriptor that a fork must close is never that of another file.
#[test]
fn the_descriptor_that_is_shown_is_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let (mut assembler, fd) = spilled(directory.path());
    let other = Arc::new(AtomicI32::new(-1));
    assembler.show(Arc::clone(&other));
    assert_eq!(other.load(Ordering::SeqCst), fd.load(Ordering::SeqCst));
    assert!(file(&other).as_raw_fd() >= 0);
    drop(assembler);
    assert_eq!(other.load(Ordering::SeqCst), -1);
}

#[test]
fn s54_what_is_described_counts_once_and_is_forgotten_with_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let (options, fd) = options(directory.path(), 1 << 20);
    let mut assembler = Assembler::new(options, fd);
    let describe = |assembler: &mut Assembler, oid: u32, size: usize| {
        let message = [b"R", &oid.to_be_bytes()[..], &vec![0; size]].concat();
        assert_eq!(assembler.offer(1, &message).unwrap(), Offered::Pass);
        assembler.definitions_weight()
    };
    let one = describe(&mut assembler, 1, 1000);
    assert!((1005..1100).contains(&one), "{one}");
    assert_eq!(describe(&mut assembler, 1, 1000), one);
    assert_eq!(describe(&mut assembler, 2, 1000), 2 * one);
    assert_eq!(describe(&mut assembler, 2, 0), 2 * one - 1000);
    assembler.reconnected();
    assert_eq!(assembler.definitions_weight(), 0);
}
