//! The numbers of the format: header, blocks, records. All integers are little-endian.
//! A length is never believed before it was compared with its bound, and nothing is used before its checksum was.

/// The first bytes of every capture.
pub(super) const MAGIC: &[u8; 8] = b"PGWALCAP";

/// The version of the format that is written for most streams, and the oldest that is read.
pub const VERSION: u16 = 1;

/// That of a stream that assembles: who does not know how must not read it as if each block were committed.
pub const ASSEMBLED: u16 = 2;

/// Magic, version, two bytes that are 0, CRC-32C of these twelve.
pub(super) const FILE_HEADER: usize = 16;

/// Length of the payload, number of the block, CRC-32C of both and of the payload.
pub(super) const BLOCK_HEADER: usize = 12;

/// The longest payload of a block.
pub const MAX_BLOCK: usize = 64 << 10;

/// Kind, microseconds since the capture began, length of the body.
pub(super) const RECORD_HEADER: usize = 13;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A connection entered COPY mode: an [`super::Epoch`].
    Epoch = 1,
    /// Bytes from the server, cut anywhere.
    Received = 2,
    /// Bytes to the server: whole messages.
    Sent = 3,
    /// The capture was closed: nothing follows. A file without it was cut.
    End = 4,
    /// The capture goes on in another file, and nothing follows in this one: a [`super::Seam`].
    Next = 5,
    /// The first record of a file that goes on with another: the same [`super::Seam`].
    Onward = 6,
}

impl Kind {
    pub(super) fn of(byte: u8) -> Option<Self> {
        [Self::Epoch, Self::Received, Self::Sent, Self::End, Self::Next, Self::Onward]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// The header of a file of `version`.
pub(super) fn file_header(version: u16) -> [u8; FILE_HEADER] {
    let mut out = [0; FILE_HEADER];
    let fields = MAGIC.iter().copied().chain(version.to_le_bytes()).chain([0, 0]);
    out.iter_mut().zip(fields).for_each(|(to, byte)| *to = byte);
    let crc = crc32c::crc32c(out.get(..FILE_HEADER - 4).unwrap_or_default());
    out.iter_mut().skip(FILE_HEADER - 4).zip(crc.to_le_bytes()).for_each(|(to, byte)| *to = byte);
    out
}

/// The header of a block with this payload.
pub(super) fn block_header(number: u32, payload: &[u8]) -> [u8; BLOCK_HEADER] {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let number = number.to_le_bytes();
    let crc = block_crc(length, number, payload).to_le_bytes();
    let mut out = [0; BLOCK_HEADER];
    out.iter_mut().zip([length, number, crc].concat()).for_each(|(to, byte)| *to = byte);
    out
}

/// The checksum of a block: its length and its number are in it, so that no block passes for another.
pub(super) fn block_crc(length: [u8; 4], number: [u8; 4], payload: &[u8]) -> u32 {
    let head = crc32c::crc32c_append(crc32c::crc32c(&length), &number);
    crc32c::crc32c_append(head, payload)
}

/// Where one file of a capture ends and the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seam {
    /// Which capture: when it was begun (microseconds since 2000-01-01 UTC), and by which process.
    pub capture: (i64, u32),
    /// Which of its files begins there, the first being 1.
    pub number: u32,
}

impl Seam {
    pub(super) fn encode(self) -> Vec<u8> {
        let (clock, process) = self.capture;
        [clock.to_le_bytes().as_slice(), &process.to_le_bytes(), &self.number.to_le_bytes()].concat()
    }

    /// Reads what `encode` wrote; None: it is not that.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let (clock, rest) = body.split_first_chunk()?;
        let (process, rest) = rest.split_first_chunk()?;
        let capture = (i64::from_le_bytes(*clock), u32::from_le_bytes(*process));
        Some(Self { capture, number: u32::from_le_bytes(rest.try_into().ok()?) })
    }
}

/// The header of a file that is written now.
pub fn header() -> [u8; FILE_HEADER] {
    file_header(VERSION)
}

/// Whether a file of this length can hold nothing beyond a header.
pub fn is_empty(length: u64) -> bool {
    length <= FILE_HEADER as u64
}

/// Whether these are the first bytes of a header, of any version that is written.
pub fn begins(bytes: &[u8]) -> bool {
    (VERSION..=ASSEMBLED).any(|version| file_header(version).starts_with(bytes))
}
