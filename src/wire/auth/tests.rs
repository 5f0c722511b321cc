//! The order of authentication messages, and that no secret shows. The way through with SCRAM needs a real server.

use super::*;
use crate::wire::frame::{self, Frame};

const SASL: &[u8] = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
const OK: &[u8] = b"\0\0\0\0";

fn new() -> Authentication {
    Authentication::new("md5_user", Some("password"))
}

fn sent(step: Result<Step>) -> Vec<u8> {
    match step {
        Ok(Step::Send(out)) => out,
        Ok(_) => panic!("nothing to send"),
        Err(error) => panic!("{error:?}"),
    }
}

fn failure(step: Result<Step>) -> Error {
    step.err().expect("an error")
}

/// The nonce that the client sent in its first message.
fn nonce(out: &[u8]) -> String {
    let Frame::Complete { tag: b'p', body, .. } = frame::split(out).unwrap() else { panic!() };
    let text = String::from_utf8(body.strip_prefix(b"SCRAM-SHA-256\0").unwrap()[4..].to_vec()).unwrap();
    assert!(text.starts_with("n,,n=,r="));
    text[8..].to_owned()
}

fn server_first(nonce: &str, iterations: &str) -> Vec<u8> {
    [b"\0\0\0\x0b", format!("r={nonce}server,s=c2FsdA==,i={iterations}").as_bytes()].concat()
}

#[test]
fn without_a_request_and_with_the_simple_methods() {
    assert!(matches!(new().message(OK), Ok(Step::Done)));
    let mut auth = new();
    assert_eq!(sent(auth.message(b"\0\0\0\x03")), b"p\0\0\0\x0dpassword\0");
    assert!(matches!(auth.message(OK), Ok(Step::Done)));
    let mut auth = new();
    let out = sent(auth.message(b"\0\0\0\x05\x2a\x3d\x8f\xe0"));
    assert_eq!(&out[5..], b"md562af4dd09bbb41884907a838a3233294\0");
    assert!(matches!(auth.message(OK), Ok(Step::Done)));
    assert_eq!(failure(auth.message(OK)).status(), Status::WAL_E_PROTOCOL);
}

#[test]
fn scram_cannot_be_cut_short() {
    let mut auth = new();
    let out = sent(auth.message(SASL));
    assert_eq!(failure(auth.message(OK)).status(), Status::WAL_E_AUTH);

    let mut auth = new();
    let first = server_first(&nonce(&sent(auth.message(SASL))), "2");
    assert!(out != first);
    let Ok(Step::Hash(task)) = auth.message(&first) else { panic!() };
    assert_eq!(failure(auth.message(OK)).status(), Status::WAL_E_AUTH);
    assert_eq!(auth.hashed(task.run().unwrap()).unwrap_err().status(), Status::WAL_E_INTERNAL);

    for (last, status) in [
        (OK.to_vec(), Status::WAL_E_AUTH),
        (b"\0\0\0\x0cv=AAAA".to_vec(), Status::WAL_E_AUTH),
        (b"\0\0\0\x0ce=other-error".to_vec(), Status::WAL_E_AUTH),
        (b"\0\0\0\x0c".to_vec(), Status::WAL_E_AUTH),
        (SASL.to_vec(), Status::WAL_E_PROTOCOL),
        (b"\0\0\0\x03".to_vec(), Status::WAL_E_PROTOCOL),
    ] {
        let mut auth = new();
        let first = server_first(&nonce(&sent(auth.message(SASL))), "2");
        let Ok(Step::Hash(task)) = auth.message(&first) else { panic!() };
        let out = auth.hashed(task.run().unwrap()).unwrap();
        assert!(out.starts_with(b"p") && String::from_utf8_lossy(&out).contains("c=biws,r="));
        assert_eq!(failure(auth.message(&last)).status(), status);
        assert!(auth.message(OK).is_err(), "it is over");
    }
}

#[test]
fn a_bad_first_message_is_refused() {
    for (iterations, status) in [
        ("0", Status::WAL_E_AUTH_METHOD),
        ("100001", Status::WAL_E_AUTH_METHOD),
        ("x", Status::WAL_E_PROTOCOL),
        ("", Status::WAL_E_PROTOCOL),
    ] {
        let mut auth = new();
        let first = server_first(&nonce(&sent(auth.message(SASL))), iterations);
        assert_eq!(failure(auth.message(&first)).status(), status, "{iterations}");
    }
    let mut auth = new();
    sent(auth.message(SASL));
    let Ok(Step::Hash(task)) = auth.message(&server_first("another", "2")) else { panic!() };
    assert_eq!(task.run().err().unwrap().status(), Status::WAL_E_AUTH);
}

#[test]
fn methods_that_are_not_built_are_named() {
    for (kind, name) in [(2, "Kerberos 5"), (6, "SCM"), (7, "GSSAPI"), (9, "SSPI"), (99, "99")] {
        let error = failure(new().message(&[0, 0, 0, kind]));
        assert_eq!(error.status(), Status::WAL_E_AUTH_METHOD);
        assert!(error.message().contains(name), "{error:?}");
    }
    let error = failure(new().message(b"\0\0\0\x0aOAUTHBEARER\0\0"));
    assert_eq!(error.status(), Status::WAL_E_AUTH_METHOD);
    assert!(error.message().contains("OAUTHBEARER"));
}

#[test]
fn a_missing_password_is_said_and_a_present_one_is_not() {
    for password in [None, Some("")] {
        for request in [b"\0\0\0\x03".as_slice(), b"\0\0\0\x051234", SASL] {
            let error = failure(Authentication::new("u", password).message(request));
            assert_eq!(error.status(), Status::WAL_E_AUTH);
            assert!(error.hint().contains("password="));
        }
    }
    let auth = Authentication::new("u", Some("hunter2"));
    assert!(!format!("{auth:?}").contains("hunter2"));
}

#[test]
fn truncated_requests_are_errors() {
    for request in [SASL, b"\0\0\0\x051234", b"\0\0\0\x03"] {
        for cut in 0..request.len() {
            let step = new().message(&request[..cut]);
            assert!(step.is_err(), "{request:?} cut at {cut}");
        }
    }
    assert!(new().message(b"\0\0\0\0x").is_err());
}

proptest::proptest! {
    #[test]
    fn any_exchange_is_survived(bodies in proptest::collection::vec(
        (0..14_u8, proptest::collection::vec(proptest::num::u8::ANY, 0..40)), 0..4)) {
        let mut auth = new();
        for (kind, rest) in bodies {
            let body = [&[0, 0, 0, kind], rest.as_slice()].concat();
            if let Ok(Step::Hash(task)) = auth.message(&body) {
                let _ = task.run().and_then(|hashed| auth.hashed(hashed));
            }
        }
    }
}
