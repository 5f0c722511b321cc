//! Certificates as people make them, by the openssl command line.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::new_folder;

/// A folder of keys, certificates and lists of revoked ones, all with names of their own.
pub struct Authority {
    folder: PathBuf,
}

/// How a certificate is to be.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The arguments of `openssl genpkey`.
    pub key: &'a str,
    /// As `/CN=…`.
    pub subject: &'a str,
    /// Lines of extensions; none makes a certificate of version 1.
    pub extensions: &'a str,
    /// Arguments for the signature, as `-sha384 -sigopt rsa_padding_mode:pss`.
    pub signature: &'a str,
    /// Whether it is valid now.
    pub dates: Dates,
}

/// When a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    Now,
    Past,
    Future,
    /// From 1950 on.
    Long,
}

pub const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
pub const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
pub const P384: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
pub const CA: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash";

/// A server's certificate, for localhost and 127.0.0.1.
pub const SERVER: Wish<'static> = Wish {
    key: P256,
    subject: "/CN=server",
    extensions: "subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid",
    signature: "-sha256",
    dates: Dates::Now,
};

impl Authority {
    /// An empty folder, which the servers' user owns.
    pub fn new() -> Self {
        let folder = new_folder();
        // Others may look in: the tests' own user is another than the servers'.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    /// The text of a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// Puts files one behind the other.
    pub fn join(&self, to: &str, from: &[&str]) -> String {
        let text: String = from.iter().map(|name| self.read(name)).collect();
        self.write(to, &text, 0o644)
    }

    /// A certificate that signs itself: `name.crt`, `name.key`.
    pub fn root(&self, name: &str, wish: Wish<'_>) {
        self.issue(name, name, wish);
    }

    /// A certificate that `issuer` signs.
    pub fn issue(&self, name: &str, issuer: &str, wish: Wish<'_>) {
        let (key, request, crt) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.crt"));
        self.openssl(&format!("genpkey {} -out {key}", wish.key));
        self.openssl(&format!("req -new -key {key} -subj {} -out {request}", wish.subject));
        let mut command = format!("x509 -req -in {request} -out {crt} {}", wish.signature);
        if name == issuer {
            command.push_str(&format!(" -signkey {key}"));
        } else {
            command.push_str(&format!(" -CA {issuer}.crt -CAkey {issuer}.key -CAcreateserial"));
        }
        if !wish.extensions.is_empty() {
            self.write(&format!("{name}.ext"), wish.extensions, 0o644);
            command.push_str(&format!(" -extfile {name}.ext"));
        }
        match wish.dates {
            Dates::Now => self.openssl(&format!("{command} -days 30")),
            // Only `openssl ca` sets dates.
            dates => self.dated(name, issuer, wish, dates),
        }
        let text = self.read(&key);
        self.write_as_server(&key, &text);
    }

    /// Writes a key that a server will read: only one of its own.
    pub fn write_as_server(&self, name: &str, text: &str) {
        let path = self.write(name, text, 0o600);
        let owner = fs::metadata(&self.folder).unwrap();
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }

    /// A list of what `issuer` revoked: `name`.
    pub fn revoke(&self, name: &str, issuer: &str, revoked: &[&str]) -> String {
        self.database(issuer);
        for crt in revoked {
            self.openssl(&format!("ca -config {issuer}.cnf -revoke {crt}.crt"));
        }
        self.openssl(&format!("ca -config {issuer}.cnf -gencrl -crldays 30 -out {name}"));
        self.path(name)
    }

    /// Runs openssl in the folder.
    pub fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(&self.folder);
        let output = command.output().expect("openssl is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    fn dated(&self, name: &str, issuer: &str, wish: Wish<'_>, dates: Dates) {
        self.database(issuer);
        let (from, until) = match dates {
            Dates::Future => ("20990101000000Z", "20990201000000Z"),
            Dates::Long => ("19500101000000Z", "20990201000000Z"),
            _ => ("20200101000000Z", "20200201000000Z"),
        };
        let mut command = format!(
            "ca -config {issuer}.cnf -batch -notext -in {name}.csr -out {name}.crt -startdate {from} -enddate {until}"
        );
        if !wish.extensions.is_empty() {
            command.push_str(&format!(" -extfile {name}.ext"));
        }
        self.openssl(&command);
    }

    /// What `openssl ca` keeps.
    fn database(&self, issuer: &str) {
        if Path::new(&self.path(&format!("{issuer}.cnf"))).exists() {
            return;
        }
        for (name, text) in [("index", ""), ("serial", "01\n"), ("crlnumber", "01\n")] {
            self.write(&format!("{issuer}.{name}"), text, 0o600);
        }
        let text = format!(
            "[ca]\ndefault_ca=it\n[it]\ndatabase={issuer}.index\nserial={issuer}.serial\ncrlnumber={issuer}.crlnumber\n\
             new_certs_dir=.\ncertificate={issuer}.crt\nprivate_key={issuer}.key\ndefault_md=sha256\npolicy=any\n\
             unique_subject=no\n[any]\ncommonName=optional\n"
        );
        self.write(&format!("{issuer}.cnf"), &text, 0o600);
    }
}
