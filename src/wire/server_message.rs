//! ErrorResponse and NoticeResponse: what the server says in words.
//!
//! Decisions rest on the severity, the SQLSTATE and the routine; never on the message, which is translated.

use std::fmt;

use super::reader::Reader;
use crate::error::Result;

/// How much of a message's body is looked at: what is behind is passed over where it comes.
pub const MOST_WORDS: usize = 256 << 10;

/// How long a field may be: a longer one is cut.
pub const MOST_OF_FIELD: usize = 16 << 10;

/// How bad it is, from the field that is never translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The server as a whole goes down.
    Panic,
    /// The connection ends.
    Fatal,
    /// The command failed.
    Error,
    /// Something the user should know.
    Warning,
    /// Something the user may like to know.
    Notice,
    /// Chatter, for those who asked for it.
    Debug,
    /// What a command was asked to tell.
    Info,
    /// Meant for the server's log.
    Log,
    /// A word that no server says today.
    Unknown,
}

/// The fields of one ErrorResponse or NoticeResponse. A field that was not sent is "".
#[derive(Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// How bad it is.
    pub severity: Severity,
    /// The SQLSTATE; XX000 where the server sent none.
    pub sqlstate: [u8; 5],
    /// One sentence.
    pub message: String,
    /// More about it.
    pub detail: String,
    /// What to do about it.
    pub hint: String,
    /// Where in the statement it is about, in characters from 1.
    pub position: String,
    /// The same in `query`.
    pub internal_position: String,
    /// A statement that the server made itself.
    pub query: String,
    /// Where the server was as it happened.
    pub context: String,
    /// The schema it is about.
    pub schema: String,
    /// The table it is about.
    pub table: String,
    /// The column it is about.
    pub column: String,
    /// The data type it is about.
    pub data_type: String,
    /// The constraint it is about.
    pub constraint: String,
    /// The server's source file.
    pub file: String,
    /// The line in that file.
    pub line: String,
    /// The C function that raised it: not translated, and steady over releases.
    pub routine: String,
}

impl ServerMessage {
    /// Reads the body of an 'E' or 'N' message. Fields that are not known are passed over, as the protocol asks.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("ErrorResponse or NoticeResponse", body);
        let mut it = Self::empty();
        loop {
            match reader.u8()? {
                0 => break,
                field => it.set(field, reader.cstr()?),
            }
        }
        reader.finish()?;
        Ok(it)
    }

    /// Reads the beginning of a body that is too long to be kept: what is not whole is cut.
    pub fn parse_beginning(body: &[u8]) -> Self {
        let mut it = Self::empty();
        for field in body.split(|byte| *byte == 0) {
            let Some((field, text)) = field.split_first() else { break };
            it.set(*field, text);
        }
        it
    }

    fn set(&mut self, field: u8, text: &[u8]) {
        let to = match field {
            b'V' => return self.severity = Severity::of(text),
            // Translated, so of use only where a server older than 9.6 sends no 'V'.
            b'S' if self.severity == Severity::Unknown => return self.severity = Severity::of(text),
            b'C' => return self.sqlstate = sqlstate(text),
            b'M' => &mut self.message,
            b'D' => &mut self.detail,
            b'H' => &mut self.hint,
            b'P' => &mut self.position,
            b'p' => &mut self.internal_position,
            b'q' => &mut self.query,
            b'W' => &mut self.context,
            b's' => &mut self.schema,
            b't' => &mut self.table,
            b'c' => &mut self.column,
            b'd' => &mut self.data_type,
            b'n' => &mut self.constraint,
            b'F' => &mut self.file,
            b'L' => &mut self.line,
            b'R' => &mut self.routine,
            _ => return,
        };
        *to = cut(text);
    }

    /// How much memory the texts take.
    pub fn size(&self) -> usize {
        let texts = [
            &self.message,
            &self.detail,
            &self.hint,
            &self.position,
            &self.internal_position,
            &self.query,
            &self.context,
            &self.schema,
            &self.table,
            &self.column,
            &self.data_type,
            &self.constraint,
            &self.file,
            &self.line,
            &self.routine,
        ];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// All that explains the message and is no advice: a line each for the detail, the context, a statement of the
    /// server's own, and what it is about.
    pub fn explained(&self) -> String {
        let about = [
            ("position", &self.position),
            ("internal position", &self.internal_position),
            ("schema", &self.schema),
            ("table", &self.table),
            ("column", &self.column),
            ("data type", &self.data_type),
            ("constraint", &self.constraint),
        ];
        let about = about.iter().filter(|(_, text)| !text.is_empty());
        let about: Vec<String> = about.map(|(name, text)| format!("{name} {text}")).collect();
        let place = match (self.routine.as_str(), self.file.as_str()) {
            ("", _) | (_, "") => String::new(),
            (routine, file) => format!("raised by {routine}, {file}:{}", self.line),
        };
        let lines = [self.detail.as_str(), &self.context, &self.query, &about.join(", "), &place];
        lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// A notice as one text for a log: what is said, what explains it and what to do.
    pub fn told(&self) -> String {
        let mut all = self.message.clone();
        for (label, text) in [("DETAIL", &self.detail), ("HINT", &self.hint)] {
            if !text.is_empty() {
                all.push_str(&format!(" {label}: {text}"));
            }
        }
        all
    }

    /// The SQLSTATE as text.
    pub fn sqlstate_text(&self) -> &str {
        std::str::from_utf8(&self.sqlstate).unwrap_or("XX000")
    }

    /// Whether the connection is over after this.
    pub fn ends_connection(&self) -> bool {
        matches!(self.severity, Severity::Fatal | Severity::Panic)
    }

    fn empty() -> Self {
        Self {
            severity: Severity::Unknown,
            sqlstate: *b"XX000",
            message: String::new(),
            detail: String::new(),
            hint: String::new(),
            position: String::new(),
            internal_position: String::new(),
            query: String::new(),
            context: String::new(),
            schema: String::new(),
            table: String::new(),
            column: String::new(),
            data_type: String::new(),
            constraint: String::new(),
            file: String::new(),
            line: String::new(),
            routine: String::new(),
        }
    }
}

impl fmt::Debug for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.severity, self.sqlstate_text(), self.message)?;
        for (label, text) in [("detail", &self.detail), ("hint", &self.hint), ("routine", &self.routine)] {
            if !text.is_empty() {
                write!(f, " [{label}: {text}]")?;
            }
        }
        Ok(())
    }
}

impl Severity {
    fn of(word: &[u8]) -> Self {
        match word {
            b"PANIC" => Self::Panic,
            b"FATAL" => Self::Fatal,
            b"ERROR" => Self::Error,
            b"WARNING" => Self::Warning,
            b"NOTICE" => Self::Notice,
            b"INFO" => Self::Info,
            b"LOG" => Self::Log,
            _ if word.starts_with(b"DEBUG") => Self::Debug,
            _ => Self::Unknown,
        }
    }
}

/// A text, of which no more is kept than somebody may read; what is not UTF-8 is replaced.
fn cut(text: &[u8]) -> String {
    match text.get(..MOST_OF_FIELD) {
        None => String::from_utf8_lossy(text).into_owned(),
        Some(beginning) => {
            // Where a character is cut, its beginning goes too.
            let whole = match std::str::from_utf8(beginning) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => beginning.len(),
            };
            let kept = String::from_utf8_lossy(beginning.get(..whole).unwrap_or_default());
            format!("{kept}[… {} more bytes]", text.len() - whole)
        }
    }
}

/// Five letters or digits; anything else is no SQLSTATE.
fn sqlstate(text: &[u8]) -> [u8; 5] {
    match <[u8; 5]>::try_from(text) {
        Ok(code) if code.iter().all(u8::is_ascii_alphanumeric) => code,
        _ => *b"XX000",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        b"SFEHLER\0VERROR\0C42704\0Mno such thing\0Dreally\0Htry\0Wctx\0P12\0Ffile.c\0L7\0RLoad\0xnew\0\0";

    #[test]
    fn fields_are_read_and_the_translated_severity_is_not() {
        let it = ServerMessage::parse(BODY).unwrap();
        assert_eq!((it.severity, it.sqlstate_text()), (Severity::Error, "42704"));
        let texts = [&it.message, &it.detail, &it.hint, &it.context, &it.file, &it.line, &it.routine];
        assert_eq!(texts, ["no such thing", "really", "try", "ctx", "file.c", "7", "Load"]);
        assert!(!it.ends_connection());
        assert!(format!("{it:?}").contains("42704"));
    }

    #[test]
    fn s41_s43_nothing_that_the_server_explains_is_dropped() {
        let it = ServerMessage::parse(
            b"VERROR\0C23514\0Mno\0Dthe row\0Htry\0P7\0p3\0qSELECT 1\0Wctx\0sapp\0tt\0cx\0dpositive\0nmore\0Fa.c\0L9\0RExec\0\0",
        )
        .unwrap();
        let about = "position 7, internal position 3, schema app, table t, column x, data type positive, constraint more";
        let lines = ["the row", "ctx", "SELECT 1", about, "raised by Exec, a.c:9"];
        assert_eq!(it.explained(), lines.join("\n"));
        assert_eq!(it.told(), "no DETAIL: the row HINT: try");
        let bare = ServerMessage::parse(b"VERROR\0Mno\0\0").unwrap();
        assert_eq!((bare.explained().as_str(), bare.told().as_str()), ("", "no"));
    }

    #[test]
    fn odd_fields_are_survived() {
        let it = ServerMessage::parse(b"SFATAL\0Cshort\0M\xff\xfe\0\0").unwrap();
        assert_eq!((it.severity, &it.sqlstate), (Severity::Fatal, b"short"));
        assert_eq!(it.message, "\u{fffd}\u{fffd}");
        for code in ["", "1234", "123456", "12 45", "1234\u{e9}"] {
            let body = [b"C".as_slice(), code.as_bytes(), b"\0\0"].concat();
            assert_eq!(&ServerMessage::parse(&body).unwrap().sqlstate, b"XX000", "{code}");
        }
        assert_eq!(ServerMessage::parse(b"VDEBUG3\0\0").unwrap().severity, Severity::Debug);
        assert_eq!(ServerMessage::parse(b"\0").unwrap().severity, Severity::Unknown);
    }

    #[test]
    fn s51_long_fields_and_long_bodies_are_cut() {
        let long = "é".repeat(MOST_OF_FIELD);
        let body = format!("VWARNING\0C55000\0Mx{long}\0D\u{fffd}\0RLoadPublications\0\0");
        let it = ServerMessage::parse(body.as_bytes()).unwrap();
        assert!(
            it.message.starts_with("xé") && it.message.ends_with("é[… 16386 more bytes]"),
            "{}",
            &it.message[16_000..]
        );
        assert_eq!((it.detail.as_str(), it.routine.as_str()), ("\u{fffd}", "LoadPublications"));
        let it = ServerMessage::parse_beginning(&body.as_bytes()[..20_000]);
        assert_eq!((it.severity, it.sqlstate_text(), it.routine.as_str()), (Severity::Warning, "55000", ""));
        assert!(it.message.ends_with("more bytes]") && it.size() < 20_000);
        for cut in 0..BODY.len() {
            assert!(ServerMessage::parse_beginning(&BODY[..cut]).size() < 1_000);
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        for cut in 0..BODY.len() {
            assert!(ServerMessage::parse(&BODY[..cut]).is_err(), "{cut}");
        }
        assert!(ServerMessage::parse(b"\0x").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = ServerMessage::parse(&bytes);
        }
    }
}
