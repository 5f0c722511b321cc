//! Servers that mean harm, or are none: whatever they send, connecting ends with an error, in time, in little memory.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// How long a client waits for those who never end, and for those who end on a busy machine.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(30);

/// What a client that refuses what has no end may have been sent by then: what it holds, and the socket's buffers.
const LITTLE: usize = 4 << 20;

/// Where a server that meant to go on for ever gives up.
const FLOOD: usize = 1 << 30;

/// What a server says after the start-up message.
enum Script {
    /// This, and then the end.
    Says(Vec<u8>),
    /// This, and then nothing.
    Hangs(Vec<u8>),
    /// The first, then the second for ever.
    Floods(Vec<u8>, Vec<u8>),
    /// The first; what the client answers is read; then the second, and the end.
    Answers(Vec<u8>, Vec<u8>),
    /// One byte at a time, slowly, for ever.
    Drips(Vec<u8>),
}

use Script::{Answers, Drips, Floods, Hangs, Says};

/// A server of the script, and how much it got rid of.
fn playing(script: Script) -> (tempfile::TempDir, Conninfo, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (directory, conninfo) = server(move |mut stream| {
        startup(&mut stream);
        let mut say = |bytes: &[u8]| {
            let said = stream.write_all(bytes);
            counter.fetch_add(bytes.len(), Ordering::SeqCst);
            said.is_ok()
        };
        match &script {
            Says(all) => drop(say(all)),
            Hangs(all) => {
                say(all);
                let _ = stream.read_to_end(&mut Vec::new());
            }
            Floods(first, again) => {
                let mut goes_on = say(first);
                while goes_on && counter.load(Ordering::SeqCst) < FLOOD {
                    goes_on = say(again);
                }
            }
            Answers(first, second) => {
                say(first);
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(second);
            }
            Drips(bytes) => {
                let mut each = bytes.iter().cycle();
                while each.next().is_some_and(|byte| say(&[*byte])) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    });
    (directory, conninfo, sent)
}

fn ok() -> Vec<u8> {
    message(b'R', &[0; 4])
}

fn sasl(kind: u8, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&[0, 0, 0, kind], data].concat())
}

fn mechanisms() -> Vec<u8> {
    sasl(10, b"SCRAM-SHA-256\0\0")
}

/// A header that promises `length` bytes, counting itself.
fn header(tag: u8, length: u32) -> Vec<u8> {
    [&[tag][..], &length.to_be_bytes()].concat()
}

/// The body of a notice that is not UTF-8, so that its text is three times as long.
fn large_notice() -> Vec<u8> {
    [b"VNOTICE\0C00000\0M", &[0xFF; 60_000][..], b"\0\0"].concat()
}

/// One of many settings of this size.
fn large_setting(number: u32) -> Vec<u8> {
    message(b'S', &[format!("name{number}\0").as_bytes(), &[0xFF; 200_000], b"\0"].concat())
}

/// A server-first-message whose nonce is not the client's.
fn first(text: &str) -> Vec<u8> {
    sasl(11, text.as_bytes())
}

/// Every script, with what connecting to it may come to.
#[rustfmt::skip] // a table
fn scripts() -> Vec<(&'static str, Script, &'static [Status])> {
    use Status::*;
    const BROKEN: &[Status] = &[WAL_E_PROTOCOL];
    const LATE: &[Status] = &[WAL_E_CONNECT_TIMEOUT];
    const CUT: &[Status] = &[WAL_E_CONNECTION_LOST];
    const REFUSED: &[Status] = &[WAL_E_AUTH, WAL_E_AUTH_METHOD, WAL_E_PROTOCOL];
    let big = u32::MAX / 2;
    let status = |n: u32| message(b'S', format!("name{n}\0value\0").as_bytes());
    let notice = || message(b'N', b"VNOTICE\0C00000\0Mx\0\0");
    vec![
        // Endless.
        ("notices before authentication", Floods(vec![], notice()), BROKEN),
        ("notices after it", Floods(ok(), notice()), BROKEN),
        ("one setting for ever", Floods(ok(), status(1)), BROKEN),
        ("large notices before authentication", Floods(vec![], message(b'N', &large_notice())), BROKEN),
        ("large notices after it", Floods(ok(), message(b'N', &large_notice())), BROKEN),
        ("a few large settings", Floods(ok(), (0..5).flat_map(large_setting).collect()), BROKEN),
        ("ever new settings", Floods(ok(), (0..1_000).flat_map(status).collect()), BROKEN),
        ("keys for ever", Floods(ok(), message(b'K', b"\0\0\x01\0key!")), BROKEN),
        ("versions for ever", Floods(vec![], message(b'v', b"\0\x03\0\0\0\0\0\0")), BROKEN),
        ("an authentication that never ends", Floods(vec![], mechanisms()), BROKEN),
        ("zeroes", Floods(vec![], vec![0; 65_536]), BROKEN),
        ("a text without an end in an error", Floods(header(b'E', 60_000), vec![b'M'; 60_000]), BROKEN),
        ("bytes one by one", Drips(message(b'S', &[b'x'; 60_000])), LATE),
        ("an authentication one by one", Drips(header(b'R', 60_000)), LATE),
        // Giant.
        ("a giant authentication", Floods(header(b'R', big), vec![0; 65_536]), BROKEN),
        ("a giant error", Floods(header(b'E', big), vec![b'M'; 65_536]), BROKEN),
        ("a giant notice", Floods(header(b'N', big), vec![b'M'; 65_536]), BROKEN),
        ("a giant setting", Floods([ok(), header(b'S', big)].concat(), vec![b'x'; 65_536]), BROKEN),
        ("an error of just too much", Says(header(b'E', (64 << 10) + 5)), BROKEN),
        ("a giant key", Floods([ok(), header(b'K', 1 << 30)].concat(), vec![0; 65_536]), BROKEN),
        ("a giant list of mechanisms", Floods(header(b'R', 1 << 28), vec![b'x'; 65_536]), BROKEN),
        ("a count of options without options", Says(message(b'v', b"\0\x03\0\0\x7f\xff\xff\xff")), BROKEN),
        ("a negative count of options", Says([message(b'v', b"\0\x03\0\0\xff\xff\xff\xff"), ok()].concat()), CUT),
        // Truncated.
        ("nothing", Hangs(vec![]), LATE),
        ("half a header", Hangs(vec![b'R', 0]), LATE),
        ("half a header and the end", Says(vec![b'R', 0]), CUT),
        ("half an error and the end", Says(error("28P01", "FATAL")[..12].to_vec()), CUT),
        ("an error without its last byte", Hangs(error("28P01", "FATAL")[..20].to_vec()), LATE),
        ("a length of zero", Says(header(b'R', 0)), BROKEN),
        ("a length of three", Says(header(b'E', 3)), BROKEN),
        ("an empty authentication", Says(header(b'R', 4)), BROKEN),
        ("an authentication of three bytes", Says(message(b'R', b"\0\0\0")), BROKEN),
        ("a salt of three bytes", Says(message(b'R', b"\0\0\0\x05abc")), BROKEN),
        ("an error without a field", Says(message(b'E', b"")), BROKEN),
        ("a setting without a value", Says([ok(), message(b'S', b"name\0")].concat()), BROKEN),
        ("a key without a key", Says([ok(), message(b'K', b"\0\0\0\x01")].concat()), BROKEN),
        ("the end after authentication", Says(ok()), CUT),
        ("no end of start-up", Hangs(greeting()[..60].to_vec()), LATE),
        // Out of order.
        ("ready before authentication", Says(message(b'Z', b"I")), BROKEN),
        ("a setting before authentication", Says(status(1)), BROKEN),
        ("a row", Says(message(b'D', b"\0\0")), BROKEN),
        ("a row after authentication", Says([ok(), message(b'D', b"\0\0")].concat()), BROKEN),
        ("COPY after authentication", Says([ok(), message(b'W', b"\0\0\0")].concat()), BROKEN),
        ("authentication twice", Says([ok(), ok()].concat()), BROKEN),
        ("ready in no known way", Says([ok(), message(b'Z', b"?")].concat()), BROKEN),
        ("the end of SASL without a beginning", Says(sasl(12, b"v=AAAA")), BROKEN),
        ("the middle of SASL without a beginning", Says(first("r=x,s=AAAA,i=4096")), BROKEN),
        ("a password after SASL", Answers(mechanisms(), message(b'R', b"\0\0\0\x03")), BROKEN),
        ("MD5 after SASL", Answers(mechanisms(), message(b'R', b"\0\0\0\x05salt")), BROKEN),
        ("in without SASL's end", Answers(mechanisms(), [ok(), greeting()].concat()), REFUSED),
        ("a second question", Answers(message(b'R', b"\0\0\0\x05salt"), message(b'R', b"\0\0\0\x03")), BROKEN),
        ("SASL's end before its middle", Answers(mechanisms(), sasl(12, b"v=AAAA")), BROKEN),
        // SASL.
        ("no mechanism", Says(sasl(10, b"\0")), &[WAL_E_AUTH_METHOD, WAL_E_PROTOCOL]),
        ("mechanisms without an end", Says(sasl(10, b"SCRAM-SHA-256")), BROKEN),
        ("unknown mechanisms", Says(sasl(10, b"PLAIN\0OAUTHBEARER\0\0")), &[WAL_E_AUTH_METHOD]),
        ("a nonce that is not the client's", Answers(mechanisms(), first("r=x,s=AAAA,i=4096")), REFUSED),
        ("no nonce", Answers(mechanisms(), first("s=AAAA,i=4096")), REFUSED),
        ("no salt", Answers(mechanisms(), first("r=x,i=4096")), REFUSED),
        ("a salt that is none", Answers(mechanisms(), first("r=x,s=!,i=4096")), REFUSED),
        ("no rounds", Answers(mechanisms(), first("r=x,s=AAAA,i=0")), REFUSED),
        ("rounds for a year", Answers(mechanisms(), first("r=x,s=AAAA,i=4294967295")), REFUSED),
        ("rounds that are no number", Answers(mechanisms(), first("r=x,s=AAAA,i=-1")), REFUSED),
        ("not UTF-8", Answers(mechanisms(), sasl(11, b"r=\xff\xfe,s=\xff,i=1")), REFUSED),
        ("an empty middle", Answers(mechanisms(), first("")), REFUSED),
        ("a middle of 60 KB", Answers(mechanisms(), first(&"x".repeat(60_000))), REFUSED),
        ("only commas", Answers(mechanisms(), first(",,,,,,,,")), REFUSED),
        // Not PostgreSQL.
        ("HTTP", Says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()), BROKEN),
        ("SSH", Says(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), BROKEN),
        ("TLS", Says(b"\x15\x03\x01\0\x02\x02\x46".to_vec()), &[WAL_E_PROTOCOL, WAL_E_CONNECTION_LOST]),
        ("PostgreSQL before 7.4", Says(b"EFATAL 1:  unsupported frontend protocol\n\0".to_vec()), BROKEN),
    ]
}

#[test]
fn whatever_a_server_says_connecting_ends() {
    for (what, script, expected) in scripts() {
        let (_directory, conninfo, sent) = playing(script);
        let is_late = expected == [Status::WAL_E_CONNECT_TIMEOUT];
        let deadline = Instant::now() + if is_late { SHORT } else { LONG };
        let result = block_on(NativeSession::connect(&conninfo, &StartupSettings::default(), Some(deadline)));
        let over = Instant::now().saturating_duration_since(deadline);
        let error = result.map(drop).expect_err(what);
        assert!(expected.contains(&error.status()), "{what}: {error:?}");
        assert!(over < Duration::from_secs(5), "{what}: {over:?} too late");
        // What goes on until the time is up is looked at and forgotten.
        let sent = sent.load(Ordering::SeqCst);
        assert!(is_late || sent < LITTLE, "{what}: {sent} bytes");
        assert!(!format!("{error:?}").contains("hunter2"), "{what}");
        assert!(error.message().len() + error.detail().len() < 70_000, "{what}");
    }
}

/// What it says after it let the client in is bounded too.
#[test]
fn whatever_a_server_answers_a_query_ends() {
    use Status::*;
    let row = message(b'D', &[b"\0\x01\0\x01\0\0".as_slice(), &[b'x'; 65_536]].concat());
    for (what, first, again, expected) in [
        ("rows without columns", row.clone(), vec![], WAL_E_PROTOCOL),
        ("rows for ever", columns(&["a"]), row, WAL_E_OUT_OF_RANGE),
        (
            "a giant row",
            [columns(&["a"]), header(b'D', u32::MAX / 2)].concat(),
            vec![0; 65_536],
            WAL_E_PROTOCOL,
        ),
        (
            "a row of too many values",
            [columns(&["a"]), message(b'D', b"\x7f\xff")].concat(),
            vec![],
            WAL_E_PROTOCOL,
        ),
        (
            "a value of negative length",
            [columns(&["a"]), message(b'D', b"\0\x01\xff\xff\xff\0")].concat(),
            vec![],
            WAL_E_PROTOCOL,
        ),
        ("columns without an end", message(b'T', b"\x7f\xffname"), vec![], WAL_E_PROTOCOL),
        ("authentication", ok(), vec![], WAL_E_PROTOCOL),
        ("COPY that was not asked for", message(b'W', b"\0\0\0"), vec![], WAL_E_INVALID_ARGUMENT),
        ("a fatal error that is cut", error("57P01", "FATAL")[..9].to_vec(), vec![], WAL_E_CONNECTION_LOST),
        (
            "ever new settings",
            vec![],
            (0..1_000).flat_map(|n| message(b'S', format!("n{n}\0v\0").as_bytes())).collect(),
            WAL_E_PROTOCOL,
        ),
    ] {
        let (_directory, conninfo) = server(move |mut stream| {
            startup(&mut stream);
            stream.write_all(&greeting()).unwrap();
            hear(&mut stream);
            let mut sent = 0;
            let mut goes_on = stream.write_all(&first).is_ok();
            while goes_on && !again.is_empty() && sent < FLOOD {
                goes_on = stream.write_all(&again).is_ok();
                sent += again.len();
            }
        });
        let error =
            block_on(async { connect(&conninfo).await.unwrap().query("select").await }).expect_err(what);
        assert_eq!(error.status(), expected, "{what}: {error:?}");
    }
}

/// A connection that is reset in the middle of start-up.
#[test]
fn a_reset_is_the_loss_of_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let reset = |stream: TcpStream| {
            // Closing over what was not read resets the connection.
            std::thread::sleep(Duration::from_millis(20));
            let _ = stream.shutdown(Shutdown::Read);
        };
        listener.incoming().for_each(|stream| reset(stream.unwrap()));
    });
    let conninfo = Conninfo::parse(&format!("host=127.0.0.1 port={port} user=u sslmode=disable")).unwrap();
    let error = block_on(connect(&conninfo)).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_CONNECTION_LOST, "{error:?}");
}
