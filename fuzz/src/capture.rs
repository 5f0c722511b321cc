//! Capture files: as they come, and with their checksums made right, since no fuzzer guesses those. What was read goes
//! through the same receiver as a replay's.
use pgwalstream::batch::Pool;
use pgwalstream::capture::{Epoch, Kind, MAX_BLOCK, Reader, Seam};
use pgwalstream::error::Status;
use pgwalstream::options::Options;
use pgwalstream::stream::{Receiver, Taken};
use pgwalstream::wire::{Frame, split};

/// One input.
pub fn run(input: &[u8]) {
    read(input);
    read(&repaired(input));
}

fn read(input: &[u8]) {
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return assert_eq!(error.status(), Status::WAL_E_CAPTURE),
    };
    let mut received = vec![];
    loop {
        match reader.next() {
            Ok(Some(head)) => {
                assert!(reader.body().len() <= MAX_BLOCK && reader.offset() <= input.len() as u64);
                match head.kind {
                    Kind::Epoch => drop(Epoch::decode(reader.body())),
                    Kind::Received => received.extend(reader.body()),
                    Kind::Onward | Kind::Next => drop(Seam::decode(reader.body())),
                    Kind::Sent | Kind::End => {}
                }
            }
            Ok(None) => break,
            Err(error) => {
                assert_eq!(error.status(), Status::WAL_E_CAPTURE);
                assert!(error.message().contains("offset"), "{error:?}");
                break;
            }
        }
    }
    receive(&received);
}

fn receive(mut rest: &[u8]) {
    let config = Options::new().replay_config().expect("nothing is required");
    let mut receiver = Receiver::new(&config);
    let pool = Pool::new(2);
    while let Ok(Frame::Complete { tag, body, total }) = split(rest) {
        let Ok(mut batch) = pool.take(1, 64) else { return };
        // SAFETY: the input outlives the batch.
        match unsafe { receiver.frame(tag, body, &mut batch.arrays) } {
            Err(_) | Ok(Taken::End) => return,
            Ok(taken) => assert!(taken != Taken::Full, "an empty batch is never too full"),
        }
        pool.give(batch);
        rest = &rest[total..];
    }
}

/// The same file with right checksums and numbers, as far as its lengths lead.
fn repaired(input: &[u8]) -> Vec<u8> {
    let mut out = input.to_vec();
    if let Some((fields, crc)) = out.get_mut(..16).map(|header| header.split_at_mut(12)) {
        fields[..8].copy_from_slice(b"PGWALCAP");
        fields[8..].copy_from_slice(&[1, 0, 0, 0]);
        crc.copy_from_slice(&crc32c::crc32c(fields).to_le_bytes());
    }
    let (mut at, mut number) = (16, 0_u32);
    while let Some(header) = out.get(at..at + 12) {
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some(end) = at.checked_add(12 + length).filter(|end| *end <= out.len()) else { break };
        out[at + 4..at + 8].copy_from_slice(&number.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out[at..at + 8]), &out[at + 12..end]);
        out[at + 8..at + 12].copy_from_slice(&crc.to_le_bytes());
        (at, number) = (end, number + 1);
    }
    out
}
