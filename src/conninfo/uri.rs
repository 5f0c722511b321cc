//! `postgresql://` URIs (libpq, `conninfo_uri_parse_options`).
//!
//! Errors name the part of the URI, never its text. An '@' where only an unescaped password can have left it is refused:
//! taken as a host or database name it would be sent to a name server or shown in a log.

use super::bad;
use super::settings::Settings;
use crate::error::{Error, Result};

/// What follows the scheme, if `text` is a URI.
pub(super) fn after_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// Reads all parts of what follows the scheme.
pub(super) fn parse(text: &str, settings: &mut Settings) -> Result<()> {
    // The user ends at the first '@' that comes before any '/'.
    let rest = match text.find(['@', '/']).and_then(|at| text.split_at_checked(at)) {
        Some((credentials, tail)) if tail.starts_with('@') => {
            user_and_password(credentials, settings)?;
            tail.get(1..).unwrap_or_default()
        }
        _ => text,
    };
    let rest = hosts_and_ports(rest, settings)?;
    let rest = match rest.strip_prefix('/') {
        Some(tail) => {
            let (dbname, rest) = until(tail, &['?']);
            if dbname.contains('@') {
                return Err(stray_at());
            }
            set(settings, "dbname", dbname)?;
            rest
        }
        None => rest,
    };
    rest.strip_prefix('?').map_or(Ok(()), |query| parameters(query, settings))
}

fn user_and_password(text: &str, settings: &mut Settings) -> Result<()> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    set(settings, "user", user)?;
    set(settings, "password", password)
}

/// Reads `host:port,host:port…` into one list of hosts and one of ports; gives what follows.
fn hosts_and_ports<'a>(text: &'a str, settings: &mut Settings) -> Result<&'a str> {
    let (mut hosts, mut ports) = (String::new(), String::new());
    let mut rest = text;
    loop {
        let host;
        (host, rest) = match rest.strip_prefix('[') {
            Some(inner) => bracketed(inner)?,
            None => until(rest, &[':', '/', '?', ',']),
        };
        hosts.push_str(host);
        if let Some(tail) = rest.strip_prefix(':') {
            let port;
            (port, rest) = until(tail, &['/', '?', ',']);
            ports.push_str(port);
        }
        let Some(next) = rest.strip_prefix(',') else { break };
        rest = next;
        hosts.push(',');
        ports.push(',');
    }
    if hosts.contains('@') || ports.contains('@') {
        return Err(stray_at());
    }
    set(settings, "host", &hosts)?;
    set(settings, "port", &ports)?;
    Ok(rest)
}

/// An address in brackets, whose opening one is gone.
fn bracketed(inner: &str) -> Result<(&str, &str)> {
    let (host, rest) = inner
        .split_once(']')
        .ok_or_else(|| bad("the URI has a '[' without a ']'").with_hint("Write an IPv6 address as [::1]."))?;
    if host.is_empty() {
        return Err(bad("the URI has an empty IPv6 address").with_hint("Write it as [::1]."));
    }
    if !rest.is_empty() && !rest.starts_with([':', '/', '?', ',']) {
        return Err(bad("the URI has something other than a port behind the IPv6 address")
            .with_hint("Write it as [::1]:5432."));
    }
    Ok((host, rest))
}

/// What comes before the first of `ends`, and the rest from there.
fn until<'a>(text: &'a str, ends: &[char]) -> (&'a str, &'a str) {
    let end = text.find(ends).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn parameters(query: &str, settings: &mut Settings) -> Result<()> {
    // A separator at the end is allowed, an empty pair between two is not.
    for pair in query.split_terminator('&') {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            bad("the URI has a query parameter without '='").with_hint("Write ?key=value&key=value.")
        })?;
        if value.contains('=') {
            return Err(bad("the URI has a query parameter with a second '='")
                .with_hint("Inside a value write '=' as %3D and '&' as %26."));
        }
        let name = decode(name, "a query parameter's name")?;
        let value = decode(value, "a query parameter")?;
        match (name.as_str(), value.as_str()) {
            // JDBC's way of asking for sslmode=require, which libpq takes too.
            ("ssl", "true") => settings.set("sslmode", "require".to_owned())?,
            _ => settings.set(&name, value)?,
        }
    }
    Ok(())
}

/// An empty part is as good as none.
fn set(settings: &mut Settings, name: &'static str, encoded: &str) -> Result<()> {
    if encoded.is_empty() {
        return Ok(());
    }
    settings.set(name, decode(encoded, name)?)
}

/// Resolves %XX and cuts spaces around (newer libpq, `conninfo_uri_decode`); other blanks stand for themselves.
fn decode(encoded: &str, what: &str) -> Result<String> {
    let encoded = encoded.trim_matches(' ');
    if encoded.contains(' ') {
        return Err(bad(format!("the URI has a blank inside {what}")).with_hint("Write a blank as %20."));
    }
    let mut out = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        let decoded = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match decoded {
            Some(0) => return Err(bad(format!("the URI has %00 in {what}")).with_hint("Remove it.")),
            Some(byte) => out.push(byte),
            None => {
                return Err(bad(format!("the URI has a '%' without two hexadecimal digits in {what}"))
                    .with_hint("Write '%' as %25."));
            }
        }
    }
    String::from_utf8(out).map_err(|_| {
        bad(format!("the URI has bytes that are not UTF-8 in {what}")).with_hint("Encode it as UTF-8.")
    })
}

#[cold]
fn stray_at() -> Error {
    bad("the URI has an '@' in its host or database")
        .with_hint("In user and password write '@' as %40, '/' as %2F, ':' as %3A and '%' as %25.")
}
