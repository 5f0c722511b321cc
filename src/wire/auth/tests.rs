//! The order of authentication messages, and that no secret shows. The way through with SCRAM needs a real server.

use super::*;
use crate::wire::frame::{self, Frame};

const SASL: &[u8] = b"\0\0\0\x0aSCRAM-SHA-256\0\0";
const BOTH: &[u8] = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
const OK: &[u8] = b"\0\0\0\0";

/// What the user says of authentication.
fn policy(text: &str) -> &'static AuthPolicy {
    let conninfo = crate::conninfo::Conninfo::parse(&format!("host=h user=u {text}")).unwrap();
    Box::leak(Box::new(conninfo)).auth()
}

fn new() -> Authentication<'static> {
    Authentication::new("md5_user", Some("password"), policy(""), Channel::Plain)
}

fn with(text: &str, channel: Channel) -> Authentication<'static> {
    Authentication::new("md5_user", Some("password"), policy(text), channel)
}

fn sent(step: Result<Step>) -> Vec<u8> {
    match step {
        Ok(Step::Send(out)) => out.to_vec(),
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
    for iterations in ["0", "-1", "2147483648", "x", ""] {
        let mut auth = new();
        let first = server_first(&nonce(&sent(auth.message(SASL))), iterations);
        assert_eq!(failure(auth.message(&first)).status(), Status::WAL_E_PROTOCOL, "{iterations}");
    }
    for first in
        ["r=another,s=c2FsdA==,i=2", "s=c2FsdA==,i=2", "m=x,r=NONCE1,s=c2FsdA==,i=2", "r=NONCE1,s=,i=2"]
    {
        let mut auth = new();
        let first = first.replace("NONCE", &nonce(&sent(auth.message(SASL))));
        assert!(auth.message(&[b"\0\0\0\x0b", first.as_bytes()].concat()).is_err(), "{first}");
    }
}

#[test]
fn what_is_hashed_is_as_much_as_the_server_says() {
    let mut auth = new();
    let first = server_first(&nonce(&sent(auth.message(SASL))), "300000");
    let Ok(Step::Hash(task)) = auth.message(&first) else { panic!() };
    assert!(auth.hashed(task.run().unwrap()).is_ok());
}

/// What a server sees of the client's choice: the mechanism and the header of the first message.
fn choice(step: Result<Step>) -> (String, String) {
    let out = sent(step);
    let Frame::Complete { body, .. } = frame::split(&out).unwrap() else { panic!() };
    let end = body.iter().position(|byte| *byte == 0).unwrap();
    let text = String::from_utf8(body[end + 5..].to_vec()).unwrap();
    let header = text.split("n=").next().unwrap().to_owned();
    (String::from_utf8(body[..end].to_vec()).unwrap(), header)
}

#[test]
fn scram_is_tied_to_tls_where_that_can_be() {
    const PLAIN: &str = "SCRAM-SHA-256";
    const PLUS: &str = "SCRAM-SHA-256-PLUS";
    let tls = || Channel::Tls(EndPoint::Hash(vec![1, 2, 3]));
    let odd = || Channel::Tls(EndPoint::Undefined);
    for (text, channel, offer, mechanism, header) in [
        ("", Channel::Plain, SASL, PLAIN, "n,,"),
        ("", tls(), BOTH, PLUS, "p=tls-server-end-point,,"),
        ("", tls(), SASL, PLAIN, "y,,"),
        ("channel_binding=disable", tls(), BOTH, PLAIN, "n,,"),
        ("channel_binding=disable", tls(), SASL, PLAIN, "n,,"),
        ("", odd(), BOTH, PLAIN, "n,,"),
    ] {
        let got = choice(with(text, channel.clone()).message(offer));
        assert_eq!(got, (mechanism.to_owned(), header.to_owned()), "{text} {channel:?}");
    }
    assert_eq!(failure(new().message(BOTH)).status(), Status::WAL_E_AUTH, "TLS was taken off");
}

#[test]
#[cfg(feature = "rustls")]
fn channel_binding_that_is_required_is_never_done_without() {
    let require = "channel_binding=require";
    let tls = || Channel::Tls(EndPoint::Hash(vec![1, 2, 3]));
    assert_eq!(choice(with(require, tls()).message(BOTH)).1, "p=tls-server-end-point,,");
    for (channel, request) in [
        (tls(), SASL),
        (tls(), OK),
        (tls(), b"\0\0\0\x03".as_slice()),
        (tls(), b"\0\0\0\x051234"),
        (tls(), b"\0\0\0\x07"),
        (Channel::Plain, SASL),
        (Channel::Plain, BOTH),
        (Channel::Plain, OK),
        (Channel::Tls(EndPoint::Undefined), BOTH),
    ] {
        let error = failure(with(require, channel.clone()).message(request));
        assert_eq!(error.status(), Status::WAL_E_AUTH, "{channel:?} {request:?}: {error:?}");
        assert!(error.message().contains("channel_binding"), "{error:?}");
    }
}

#[test]
fn the_server_may_ask_only_for_what_is_allowed() {
    let clear: &[u8] = b"\0\0\0\x03";
    let md5: &[u8] = b"\0\0\0\x051234";
    for (list, allowed, refused) in [
        ("scram-sha-256", vec![SASL], vec![clear, md5, OK, b"\0\0\0\x07".as_slice()]),
        ("md5", vec![md5], vec![clear, SASL, OK]),
        ("none", vec![OK], vec![clear, md5, SASL]),
        ("md5,none", vec![OK, md5], vec![clear, SASL]),
        ("!none", vec![clear, md5, SASL], vec![OK]),
        ("!password,!md5", vec![SASL, OK], vec![clear, md5]),
    ] {
        let list = format!("require_auth={list}");
        for request in allowed {
            assert!(with(&list, Channel::Plain).message(request).is_ok(), "{list} {request:?}");
        }
        for request in refused {
            let error = failure(with(&list, Channel::Plain).message(request));
            assert_eq!(error.status(), Status::WAL_E_AUTH_METHOD, "{list} {request:?}");
            assert!(error.message().contains(&list), "{error:?}");
        }
    }
    // A password that was sent is an answer.
    let mut auth = with("require_auth=!none", Channel::Plain);
    sent(auth.message(clear));
    assert!(matches!(auth.message(OK), Ok(Step::Done)));
}

#[test]
fn another_nonce_is_refused() {
    let mut auth = new();
    sent(auth.message(SASL));
    assert_eq!(failure(auth.message(&server_first("another", "2"))).status(), Status::WAL_E_AUTH);
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
            let error =
                failure(Authentication::new("u", password, policy(""), Channel::Plain).message(request));
            assert_eq!(error.status(), Status::WAL_E_AUTH);
            assert!(error.hint().contains("password="));
        }
    }
    let auth = Authentication::new("u", Some("hunter2"), policy(""), Channel::Plain);
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
