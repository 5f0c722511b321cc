//! Encodings whose characters hold bytes of ASCII: whoever looks for a backslash in them finds half of a character.
//! It must never miss one; that it takes a word of the statement for one does no harm.

/// The encoding, if in the one that the session has, or the statement names, a backslash may be half of a character.
pub fn embedding<'a>(session: Option<&'a str>, sql: &'a str) -> Option<&'a str> {
    let embeds = |name: &&str| {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        EMBEDDING.contains(&plain.to_ascii_lowercase().as_str())
    };
    // Whatever stands behind the word may be it.
    let word = sql.as_bytes().windows(8).position(|word| word.eq_ignore_ascii_case(b"encoding"));
    let rest = word.and_then(|at| sql.get(at + 8..)).unwrap_or_default();
    let quoted = rest.split('\'').skip(1).step_by(2);
    // It may stand there without quotes, too.
    let bare = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    quoted.chain(bare).find(embeds).or_else(|| session.filter(|name| embeds(name)))
}

/// The encodings that only clients have, in which a byte of a character may be that of a backslash
/// (PG_ENCODING_IS_CLIENT_ONLY), with the names that the server takes for them.
const EMBEDDING: [&str; 17] = [
    "sjis",
    "mskanji",
    "shiftjis",
    "win932",
    "windows932",
    "shiftjis2004",
    "big5",
    "win950",
    "windows950",
    "gbk",
    "win936",
    "windows936",
    "uhc",
    "win949",
    "windows949",
    "gb18030",
    "johab",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_that_has_backslashes_in_characters_is_seen() {
        for (session, sql, found) in [
            (Some("UTF8"), "COPY t TO STDOUT", None),
            (None, "COPY t TO STDOUT", None),
            (Some("SJIS"), "COPY t TO STDOUT", Some("SJIS")),
            (Some("SHIFT_JIS_2004"), "COPY t TO STDOUT", Some("SHIFT_JIS_2004")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING 'big5')", Some("big5")),
            (Some("UTF8"), "copy t to stdout with csv encoding\n'GB-18030'", Some("GB-18030")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING sjis)", Some("sjis")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING $$gbk$$)", Some("gbk")),
            (Some("UTF8"), "SET client_encoding TO gbk; COPY t TO STDOUT", Some("gbk")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING 'LATIN1')", None),
            (Some("UTF8"), "COPY (SELECT encoding FROM t) TO STDOUT", None),
        ] {
            assert_eq!(embedding(session, sql), found, "{sql}");
        }
    }
}
