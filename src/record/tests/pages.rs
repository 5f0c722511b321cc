//! WAL as a server would write it, made of any records: framed in pages, chained, with right checksums. The fuzz target uses it too.

const PAGE: u64 = 8192;

/// A piece of WAL that grows by records.
pub struct Pages {
    pub start: u64,
    pub bytes: Vec<u8>,
    pub magic: u16,
    pub timeline: u32,
    pub segment: u32,
    pub before: u64,
}

impl Pages {
    /// One that begins at the beginning of a page.
    pub fn new(magic: u16, start: u64) -> Self {
        Self { start, bytes: Vec::new(), magic, timeline: 1, segment: 1 << 20, before: start - 8 }
    }

    pub fn at(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The header of a page, on which `rest` bytes of a record go on.
    pub fn header(&mut self, rest: u32, flags: u16) {
        let at = self.at();
        let is_long = at.is_multiple_of(self.segment.into());
        let info = flags | u16::from(rest > 0) | if is_long { 2 } else { 0 };
        self.bytes.extend(self.magic.to_le_bytes());
        self.bytes.extend(info.to_le_bytes());
        self.bytes.extend(self.timeline.to_le_bytes());
        self.bytes.extend(at.to_le_bytes());
        self.bytes.extend(rest.to_le_bytes());
        self.bytes.extend([0; 4]);
        if is_long {
            self.bytes.extend(7_u64.to_le_bytes());
            self.bytes.extend(self.segment.to_le_bytes());
            self.bytes.extend((PAGE as u32).to_le_bytes());
        }
    }

    /// Goes to the next place where a record may begin.
    pub fn align(&mut self) {
        while !self.at().is_multiple_of(8) {
            self.bytes.push(0);
        }
        if self.at().is_multiple_of(PAGE) {
            self.header(0, 0);
        }
    }

    /// Appends a record with this body, and tells where it begins.
    pub fn record(&mut self, rmgr: u8, info: u8, body: &[u8]) -> u64 {
        self.align();
        let lsn = self.at();
        let whole = self.whole(rmgr, info, body);
        self.before = lsn;
        self.put(&whole, whole.len());
        lsn
    }

    /// The bytes of a record that would be appended now.
    pub fn whole(&self, rmgr: u8, info: u8, body: &[u8]) -> Vec<u8> {
        let mut whole = (24 + body.len() as u32).to_le_bytes().to_vec();
        whole.extend(742_u32.to_le_bytes());
        whole.extend(self.before.to_le_bytes());
        whole.extend([info, rmgr, 0, 0]);
        let crc = crc32c::crc32c_append(crc32c::crc32c(body), &whole);
        whole.extend(crc.to_le_bytes());
        whole.extend(body);
        whole
    }

    /// Appends the first bytes of a record.
    pub fn put(&mut self, whole: &[u8], count: usize) {
        let mut done = 0;
        while done < count {
            if self.at().is_multiple_of(PAGE) {
                self.header((whole.len() - done) as u32, 0);
            }
            let next = (count - done).min((PAGE - self.at() % PAGE) as usize);
            self.bytes.extend(&whole[done..done + next]);
            done += next;
        }
    }

    /// Zeros up to the end of the segment.
    #[allow(dead_code, reason = "the fuzz target switches no segment")]
    pub fn end_segment(&mut self) {
        let size = u64::from(self.segment);
        let left = self.at().next_multiple_of(size) - self.at();
        self.bytes.resize(self.bytes.len() + left as usize, 0);
    }
}
