//! The options' one table says of each what it takes, and that holds: a good value is taken and given back, a bad one
//! is refused with what would be good, and a name that does not exist brings the nearest that does.

use crate::harness::stream::text;
use crate::harness::{Options, abi};
use pgwalstream::error::Status;

struct Described {
    name: String,
    kind: String,
    default: String,
    range: String,
    sentence: String,
}

fn all() -> Vec<Described> {
    let mut found = Vec::new();
    loop {
        let mut out = std::mem::MaybeUninit::<abi::wal_option_info>::zeroed();
        // SAFETY: room of the size that is told.
        let status = unsafe { abi::wal_options_describe(found.len(), out.as_mut_ptr(), size_of_val(&out)) };
        // SAFETY: plain pointers; zero is valid.
        let out = unsafe { out.assume_init() };
        if status == Status::WAL_END as i32 {
            assert!(out.name.is_null(), "past the last everything is NULL");
            return found;
        }
        assert_eq!(status, Status::WAL_OK as i32);
        found.push(Described {
            name: text(out.name),
            kind: text(out.type_name),
            default: text(out.default_value),
            range: text(out.range),
            sentence: text(out.sentence),
        });
    }
}

/// A good and a bad value of each kind.
fn values(it: &Described) -> (Vec<String>, Vec<&'static str>) {
    let split = |by: &str| it.range.split(by).map(str::to_owned).collect::<Vec<_>>();
    let times = |range: &str| {
        let (bounds, units) = range.split_once(" (").unwrap();
        assert_eq!(units, "ms, s, min, h; a bare number: ms)");
        bounds.split(" to ").map(str::to_owned).collect::<Vec<_>>()
    };
    match it.kind.as_str() {
        "text" if it.name == "conninfo" => (
            vec![
                "host=h user=u dbname=d".into(),
                "postgresql://u@h:5433/d?application_name=x".into(),
                String::new(),
            ],
            vec!["nonsense", "hots=h", "host='unclosed", "postgresql://h:port/d"],
        ),
        "text" if it.name == "plugin" => (vec!["pgoutput".into(), "test_decoding".into()], vec![]),
        "pairs" => (vec!["a=b".into(), "skip-empty-xacts=on,x='1,2'".into()], vec!["=b", "a=b,", "a='open"]),
        "text" if ["archive_directory", "capture_file", "spill_directory"].contains(&it.name.as_str()) => {
            (vec!["/var/tmp/a capture".into(), String::new()], vec![])
        }
        "text" => (vec!["slot_1".into(), "x".into()], vec!["", "Slot", "with space", "s-1", "ü"]),
        "names" => (
            vec!["a".into(), "a,b".into(), " a , \"B c\",\"d\"\"e\"".into()],
            vec!["a,,b", "\"unclosed", "a b", ","],
        ),
        "choice" => (split(" | "), vec!["", "nope", "ON"]),
        "switch" => (vec!["on".into(), "off".into(), "true".into(), "false".into()], vec!["", "maybe", "2"]),
        "LSN" => (
            vec!["0/0".into(), "16/B374D848".into(), "FFFFFFFF/FFFFFFFF".into()],
            vec!["", "0", "1/2/3", "G/0", "100000000/0", "-1/0"],
        ),
        "position" => (
            vec!["7560123456789012345:1:0/16B3748:3:0/0".into(), "7:1:0/0:0:16/B374D848".into()],
            vec!["", "0/16B3748", "7:1:0/1:3", "07:1:0/1:3:0/0", "7:1:0/a:3:0/0", "7:1:0/1:3:0/0 "],
        ),
        "base64" => {
            (vec!["AAAA".into(), "V1NOUA==".into(), String::new()], vec!["AAA", "A A A", "*", "V1NOUA"])
        }
        "size" | "count" => (split(" to "), vec!["", "-1", "much", "1XB", "99999999999999999999"]),
        "size or duration" => (
            vec!["0".into(), "64kB".into(), "1GB".into(), "1s".into(), "2 h".into()],
            vec!["", "5", "63kB", "999ms", "-1s", "much", "1 fortnight"],
        ),
        "duration" => (times(&it.range), vec!["", "-1s", "soon", "10 fortnights", "99999999999999999999"]),
        other => panic!("option {} is of the unknown kind {other}", it.name),
    }
}

#[test]
fn every_option_takes_good_values_and_refuses_bad_ones() {
    let all = all();
    assert!(all.len() >= 14, "{} options", all.len());
    for it in &all {
        assert!(it.sentence.ends_with('.') && !it.name.is_empty(), "{}", it.name);
        let options = Options::new();
        assert_eq!(options.get(&it.name).unwrap(), it.default, "{}", it.name);
        let (good, bad) = values(it);
        for value in good {
            options
                .set(&it.name, Some(&value))
                .unwrap_or_else(|failure| panic!("{}={value}: {failure:?}", it.name));
            if it.name != "conninfo" {
                assert_eq!(options.get(&it.name).unwrap(), value, "{}", it.name);
            }
        }
        let before = options.get(&it.name).unwrap();
        for value in bad {
            let failure = options.set(&it.name, Some(value)).expect_err(&format!("{}={value:?}", it.name));
            let expected = [Status::WAL_E_BAD_OPTION, Status::WAL_E_CONNINFO];
            assert!(expected.contains(&failure.status), "{}={value:?}: {failure:?}", it.name);
            assert!(!failure.hint.is_empty(), "{}={value:?}: {failure:?}", it.name);
            assert_eq!(
                options.get(&it.name).unwrap(),
                before,
                "{}: a refused value changes nothing",
                it.name
            );
        }
        options.set(&it.name, None).unwrap();
        assert_eq!(options.get(&it.name).unwrap(), it.default, "{}: NULL is the default", it.name);
    }
}

#[test]
fn a_name_that_does_not_exist_brings_the_nearest() {
    for it in all() {
        let other = if it.name.ends_with('x') { 'y' } else { 'x' };
        let mistyped = format!("{}{other}", &it.name[..it.name.len() - 1]);
        let options = Options::new();
        for outcome in [options.set(&mistyped, Some("1")), options.get(&mistyped).map(drop)] {
            let failure = outcome.unwrap_err();
            assert_eq!(failure.status, Status::WAL_E_UNKNOWN_OPTION);
            assert!(failure.message.contains(&mistyped) && failure.hint.contains(&it.name), "{failure:?}");
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    for missing in ["conninfo", "slot", "publication"] {
        let options = Options::stream("host=127.0.0.1 port=1 user=u dbname=d", "s", "p");
        options.set(missing, None).unwrap();
        let failure = options.open().map(drop).unwrap_err();
        if missing == "conninfo" {
            // All of it may come from the environment and from defaults, as with libpq.
            assert!(failure.status != Status::WAL_OK);
        } else {
            assert_eq!(failure.status, Status::WAL_E_BAD_OPTION);
            assert!(failure.message.contains(missing), "{failure:?}");
        }
    }
}

#[test]
fn a_password_is_never_given_back() {
    let options = Options::new();
    for conninfo in
        ["host=h user=u password=s3cret", "postgresql://u:s3cret@h/d", "host=h password='s3 s3cret' user=u"]
    {
        options.set("conninfo", Some(conninfo)).unwrap();
        let shown = options.get("conninfo").unwrap();
        assert!(!shown.contains("s3cret") && shown.contains('u'), "{shown}");
    }
    // A mistyped parameter must not carry its value into the error.
    let failure = options.set("conninfo", Some("host=h passwort=s3cret")).unwrap_err();
    assert!(!format!("{failure:?}").contains("s3cret") && failure.hint.contains("password"), "{failure:?}");
}

/// Options are copied when a stream is made.
#[test]
fn options_can_go_before_their_stream() {
    let options = Options::stream("host=127.0.0.1 port=1 user=u dbname=d", "s", "p");
    let stream = options.new_stream().unwrap();
    options.set("slot", Some("other")).unwrap();
    drop(options);
    assert_eq!(stream.connect(5000).unwrap_err().status, Status::WAL_E_CONNECT);
}
