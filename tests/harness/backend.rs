//! Which backend carries the tests' streams: `PGWALSTREAM_TEST_BACKEND=libpq` puts libpq under all of them but these.

use std::sync::LazyLock;

/// Tests of what only the native session does, by the beginning of their path, and why.
const NATIVE_ONLY: &[(&str, &str)] = &[
    ("a_wrong_setup_is_named::both_ways_to_the_server", "it shows which sslmode the native session refuses"),
    (
        "connection::a_stream_flows_through_tls",
        "it shows what the native session says of a certificate; libpq's TLS has a test of its own",
    ),
    (
        "a_wrong_message_ends_the_stream::p33_what_nobody_needs_is_passed_over_and_counted",
        "libpq ends the connection over a message of COPY whose kind it does not know",
    ),
    (
        "connection::the_right_server_is_reached::a_stream_finds_the_primary_and_its_password",
        "it names a service file in the conninfo, which libpq learns in version 19",
    ),
];

/// The value of the option `backend` for the test that calls.
pub fn wanted() -> &'static str {
    static CHOSEN: LazyLock<bool> = LazyLock::new(|| match std::env::var("PGWALSTREAM_TEST_BACKEND") {
        Err(_) => false,
        Ok(name) if name == "rustls" => false,
        Ok(name) if name == "libpq" && cfg!(feature = "libpq") => true,
        Ok(name) => panic!("PGWALSTREAM_TEST_BACKEND={name}: this needs --features {name}"),
    });
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    if *CHOSEN && !NATIVE_ONLY.iter().any(|(path, _)| test.starts_with(path)) { "libpq" } else { "rustls" }
}

/// The errno of a failed connect, which libpq tells in words only.
pub fn errno(of: i32) -> i32 {
    if wanted() == "libpq" { 0 } else { of }
}
