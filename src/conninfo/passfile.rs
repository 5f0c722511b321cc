//! Password files (libpq documentation, "The Password File").
//!
//! It must never read one that others can read too, nor show a line of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Conninfo;
use super::endpoint::SOCKET_DIRECTORIES;
use super::environment::Environment;
use super::host::Host;
use super::parameter::Key;
use super::settings::Settings;

/// No file of this kind is larger.
const MAX_FILE: u64 = 16 << 20;

/// The file to be read: the one that was named, else the user's own where the environment counts.
pub(super) fn path(settings: &Settings, environment: Environment<'_>) -> Option<PathBuf> {
    let own = || environment.home().filter(|_| environment.is_read()).map(|home| home.join(".pgpass"));
    settings.text(Key::Passfile).map(PathBuf::from).or_else(own)
}

/// Gives each server its password. What keeps a file from being used is no error: the server may ask for no password.
/// It is told when the server does.
pub(super) fn fill(conninfo: &mut Conninfo, path: &Path) {
    let text = match read(path) {
        Ok(text) => text,
        Err(why) => {
            conninfo.passfile_fault = Some(format!("The password file \"{}\" {why}.", path.display()));
            return;
        }
    };
    for host in &mut conninfo.hosts {
        let port = host.port.to_string();
        let rest = [port.as_str(), &conninfo.dbname, &conninfo.user];
        let mut found = None;
        for name in names(host) {
            let fields = [name].into_iter().chain(rest);
            let fields: Vec<&str> = fields.collect();
            found = found.or_else(|| password(&text, &fields));
        }
        host.password = found;
    }
    if conninfo.hosts.iter().all(|host| host.password.is_none()) {
        let why = "has no line for this host, port, database and user";
        conninfo.passfile_fault = Some(format!("The password file \"{}\" {why}.", path.display()));
    }
}

/// What the first field of a line may say for a server.
fn names(host: &Host) -> Vec<&str> {
    let given = if host.name.is_empty() { &host.address } else { &host.name };
    match given.as_str() {
        "" => vec!["localhost"],
        // Which of them is the default one depends on the packager.
        folder if SOCKET_DIRECTORIES.contains(&folder) => vec!["localhost", folder],
        other => vec![other],
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let of = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !of.is_file() || of.len() > MAX_FILE {
        return Err("is no plain file of a usual size".into());
    }
    if of.permissions().mode() & 0o077 != 0 {
        return Err("was not read, since its group or others have access to it: chmod 0600".into());
    }
    fs::read(path).map(Zeroizing::new).map_err(|error| format!("cannot be read: {error}"))
}

/// The password of the first line whose fields match. One that is not UTF-8 is none.
fn password(text: &[u8], fields: &[&str]) -> Option<Zeroizing<String>> {
    for line in text.split(|byte| *byte == b'\n') {
        let end = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |at| at + 1);
        let line = line.get(..end).unwrap_or_default();
        if line.starts_with(b"#") {
            continue;
        }
        let rest = fields.iter().try_fold(line, |rest, field| after_field(rest, field.as_bytes()));
        if let Some(rest) = rest {
            return String::from_utf8(unescaped(rest)).ok().map(Zeroizing::new);
        }
    }
    None
}

/// What follows a field and its colon, if the field is `*` or says `wanted`.
fn after_field<'a>(line: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let (mut line, mut wanted) = (line, wanted);
    loop {
        line = match (line.split_first()?, wanted.split_first()) {
            ((b':', rest), None) => return Some(rest),
            ((b'\\', rest), Some((byte, more))) => {
                wanted = more;
                rest.strip_prefix(&[*byte])?
            }
            ((got, rest), Some((byte, more))) if got == byte => {
                wanted = more;
                rest
            }
            _ => return None,
        };
    }
}

/// The last field, which a further colon ends.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b':' => break,
            // One at the end stands for itself.
            b'\\' => out.push(bytes.next().copied().unwrap_or(byte)),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_match_as_with_libpq() {
        let fields = ["h", "5432", "d", "u"];
        for (line, expected) in [
            ("h:5432:d:u:p", Some("p")),
            ("*:*:*:*:p", Some("p")),
            ("h:*:d:*:p:q", Some("p")),
            (r"h:*:d:*:p\:q\\\x", Some(r"p:q\x")),
            ("h:*:d:*:p\\", Some("p\\")),
            (r"\h:*:d:*:p", Some("p")),
            ("h:*:d:*:", Some("")),
            ("h:*:d:*:p\r", Some("p")),
            ("# h:*:d:*:p", None),
            ("#*:*:*:*:p", None),
            (" h:*:d:*:p", None),
            ("hh:*:d:*:p", None),
            ("h*:*:d:*:p", None),
            (":*:d:*:p", None),
            ("h:*:d:*", None),
            ("h:*:d", None),
            ("", None),
            (r"h\:*:d:*:p", None),
            ("x:*:*:*:no\nh:*:*:*:first\nh:*:*:*:second", Some("first")),
        ] {
            assert_eq!(password(line.as_bytes(), &fields).as_ref().map(|it| it.as_str()), expected, "{line}");
        }
        assert_eq!(
            password(br"::1:5432:d:u:p", &["::1", "5432", "d", "u"]).as_ref().map(|it| it.as_str()),
            Some("p")
        );
        let odd = ["a:b", "1", r"c\d", "*"];
        assert_eq!(password(br"a\:b:1:c\\d:*:p", &odd).as_ref().map(|it| it.as_str()), Some("p"));
        assert_eq!(password(b"*:*:*:*:\xff", &odd), None);
    }
}
