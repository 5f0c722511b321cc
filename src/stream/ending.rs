//! What the error means that ends a stream on the server while it decodes, and what can be done about it.
//!
//! It must never advise what was not tried: tests/scenarios/sound does what each hint says.

use super::preflight::publication_error;
use crate::error::Error;
use crate::options::Streaming;
use crate::wire::{ServerMessage, into_error};

/// What is written already is decoded with the catalog of its own time.
macro_rules! only_beyond {
    ($why:literal) => {
        concat!(
            $why,
            " Changing a publication does not help with what is written already: the server decodes it with the catalog as \
             it was then. Correct the publication, move the slot beyond that (wal_slot_advance), and copy the table's rows \
             again."
        )
    };
}

const COLUMN_LISTS: &str = only_beyond!(
    "Two of the publications have different column lists for one table: name only one of them in publication."
);

const ROW_FILTER: &str = only_beyond!("A row filter (WHERE) of a publication fails on a row.");

const UNFIT_BYTES: &str = "The bytes are none of the character set that they are to be sent in, as a database with encoding \
                           SQL_ASCII may hold them: set client_encoding=SQL_ASCII in the conninfo, and they come as they are \
                           stored.";

const UNSTREAMABLE: &str = "The server cannot always stream a transaction that holds DDL or TRUNCATE and is rolled back in part \
                            or as a whole. Set streaming to \"off\": it then decodes only what was committed, and gets past \
                            this position.";

const NO_BINARY_FORM: &str = "With binary on, a column holds a type without a binary form, such as aclitem in an array: set \
                              binary to \"off\", or leave the column out of the publication.";

const INSIDE: &str = "The server failed inside while decoding (a row near 1 GB, or a fault of this minor version): look for a \
                      newer minor version; the slot does not get past this position by itself.";

const INSIDE_STREAMING: &str = "The server failed inside while decoding a transaction that runs or is over: set streaming to \
                                \"off\", with which it decodes only what was committed. If it fails there too, look for a newer \
                                minor version; the slot does not get past this position by itself.";

/// An ErrorResponse in the stream, with what it means here.
pub(super) fn stream_error(message: ServerMessage, streaming: Streaming) -> Error {
    let error = into_error(message, "streaming");
    let streams = streaming != Streaming::Off;
    match error.sqlstate() {
        "42704" => publication_error(&error),
        // Seen on 15.18, 17.10 and 18.4 with streaming: RelidByRelfilenumber asks the catalog as of the middle of a
        // transaction whose later commands, or whose rollback, have left their marks in it already.
        "XX000" if error.message().contains("could not map filen") => error.with_hint(UNSTREAMABLE),
        "42883" => error.with_hint(NO_BINARY_FORM),
        "22021" | "22P05" => error.with_hint(UNFIT_BYTES),
        "0A000" => error.with_hint(COLUMN_LISTS),
        code if code.starts_with("22") && error.hint().is_empty() => error.with_hint(ROW_FILTER),
        "XX000" if error.hint().is_empty() && streams => error.with_hint(INSIDE_STREAMING),
        "XX000" if error.hint().is_empty() => error.with_hint(INSIDE),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s37_streaming_is_named_where_it_is_on() {
        let hint = |streaming, words: &str| {
            let body = format!("VERROR\0CXX000\0M{words}\0\0");
            stream_error(ServerMessage::parse(body.as_bytes()).unwrap(), streaming).hint().to_owned()
        };
        for streaming in [Streaming::On, Streaming::Parallel] {
            assert!(hint(streaming, "unexpected").contains("streaming to \"off\""), "{streaming:?}");
        }
        assert!(!hint(Streaming::Off, "unexpected").contains("streaming to"));
    }
}
