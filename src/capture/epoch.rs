//! What must be known of a connection to understand its bytes: names and values.
//! It must never hold what authenticates anybody: neither a connection string nor a password.

/// One connection in COPY mode. Names that a reader does not know are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epoch {
    /// When it began, microseconds since 2000-01-01 UTC.
    pub clock: i64,
    facts: Vec<(String, String)>,
}

/// Longer values are cut: what is needed for decoding is short.
const LONGEST: usize = 4096;

impl Epoch {
    /// An epoch of which nothing but its time is known.
    pub fn new(clock: i64) -> Self {
        Self { clock, facts: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.facts.push((name.to_owned(), value.to_string()));
        self
    }

    /// A fact, where it is known.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body of its record: the time, then for each fact the length of its name (one byte), the name, the length of
    /// its value (two bytes) and the value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.clock.to_le_bytes().to_vec();
        for (name, value) in &self.facts {
            let name = cut(name, usize::from(u8::MAX));
            let value = cut(value, LONGEST);
            out.push(u8::try_from(name.len()).unwrap_or(0));
            out.extend(name.as_bytes());
            out.extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
            out.extend(value.as_bytes());
        }
        out
    }

    /// Reads what `encode` wrote; None: it is not that.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let (clock, mut rest) = body.split_first_chunk()?;
        let mut it = Self::new(i64::from_le_bytes(*clock));
        while let Some((length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            let (length, after) = after.split_first_chunk()?;
            let (value, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            it.facts.push((String::from_utf8(name.to_vec()).ok()?, String::from_utf8(value.to_vec()).ok()?));
            rest = after;
        }
        Some(it)
    }
}

fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}
