//! The client's key, out of a file that nobody else may read.
//!
//! It must never show the key or its password, and never take a file that others can read (libpq, `initialize_SSL`).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use crate::error::{Error, Result, Status};

/// No key is longer.
const MAX_FILE: u64 = 1 << 20;

/// What a file says of its key: the label, the headers, the bytes.
struct Pem {
    label: String,
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
}

/// Reads the key. May take long: a password is hashed many times.
pub(super) fn read(path: &Path, password: Option<&str>) -> Result<PrivateKeyDer<'static>> {
    check_file(path)?;
    let file = fs::read(path).map_err(|error| {
        Error::os(Status::WAL_E_TLS, format!("cannot read the key file \"{}\"", path.display()), &error)
    })?;
    parse(&file, password).map_err(|why| {
        Error::new(Status::WAL_E_TLS, format!("the key file \"{}\" {}", path.display(), why.0))
            .with_hint(why.1)
    })
}

/// Why a key cannot be used, and what to do.
type Why = (&'static str, &'static str);

const NO_KEY: Why = ("holds no private key", "It takes one in PEM or DER: PKCS#8, PKCS#1 or SEC1.");
const NO_PASSWORD: Why = ("is encrypted and no password is given", "Give it in sslpassword.");
const WRONG_PASSWORD: Why = ("cannot be decrypted", "Correct sslpassword.");
const UNKNOWN_CIPHER: Why =
    ("is encrypted in a way that is not built in", "Encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc.");

fn check_file(path: &Path) -> Result<()> {
    let name = path.display();
    let refused = |what: &str, hint: &str| Error::new(Status::WAL_E_TLS, what.to_owned()).with_hint(hint);
    let of = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(refused(
                &format!("there is a client certificate, but not its key file \"{name}\""),
                "Name it in sslkey.",
            ));
        }
        other => other.map_err(|error| {
            Error::os(Status::WAL_E_TLS, format!("cannot look at the key file \"{name}\""), &error)
        })?,
    };
    if !of.is_file() || of.len() > MAX_FILE {
        return Err(refused(
            &format!("the key file \"{name}\" is no plain file of a usual size"),
            "Name another.",
        ));
    }
    // Root's own may be readable for a group, so that a service may share it.
    let forbidden = if of.uid() == 0 { 0o037 } else { 0o077 };
    match of.permissions().mode() & forbidden {
        0 => Ok(()),
        _ => Err(refused(
            &format!("the key file \"{name}\" can be used by others"),
            "Its permissions must be 0600 or less, or 0640 or less if root owns it: chmod 0600.",
        )),
    }
}

fn parse(file: &[u8], password: Option<&str>) -> std::result::Result<PrivateKeyDer<'static>, Why> {
    let Some(pem) = pem(file) else {
        return PrivateKeyDer::try_from(file.to_vec()).map_err(|_| NO_KEY);
    };
    let header =
        |name: &str| pem.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let bytes = match (header("Proc-Type"), header("DEK-Info")) {
        (Some(kind), Some(info)) if kind.ends_with("ENCRYPTED") => {
            decrypt_traditional(info, &pem.bytes, password.ok_or(NO_PASSWORD)?)?
        }
        _ => pem.bytes,
    };
    match pem.label.as_str() {
        "PRIVATE KEY" => Ok(PrivatePkcs8KeyDer::from(bytes).into()),
        "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(bytes).into()),
        "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(bytes).into()),
        "ENCRYPTED PRIVATE KEY" => {
            let sealed =
                pkcs8::EncryptedPrivateKeyInfoRef::try_from(bytes.as_slice()).map_err(|_| UNKNOWN_CIPHER)?;
            let open = sealed.decrypt(password.ok_or(NO_PASSWORD)?).map_err(|_| WRONG_PASSWORD)?;
            Ok(PrivatePkcs8KeyDer::from(open.as_bytes().to_vec()).into())
        }
        _ => Err(NO_KEY),
    }
}

/// The first private key in a PEM file (RFC 7468; with the headers of RFC 1421).
fn pem(file: &[u8]) -> Option<Pem> {
    let text = std::str::from_utf8(file).ok()?;
    let mut lines = text.lines().map(str::trim_end);
    let label = lines.find_map(|line| {
        let label = line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
        label.ends_with("PRIVATE KEY").then(|| label.to_owned())
    })?;
    let (mut headers, mut body) = (Vec::new(), String::new());
    for line in lines {
        if line.starts_with("-----END ") {
            let bytes = STANDARD.decode(body).ok()?;
            return Some(Pem { label, headers, bytes });
        }
        match line.split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim_ascii().to_owned())),
            None => body.push_str(line.trim_ascii()),
        }
    }
    None
}

/// What OpenSSL wrote before PKCS#8: `DEK-Info: cipher,iv`, the key made of the password by MD5 (EVP_BytesToKey).
fn decrypt_traditional(info: &str, sealed: &[u8], password: &str) -> std::result::Result<Vec<u8>, Why> {
    let (cipher, iv) = info.split_once(',').ok_or(UNKNOWN_CIPHER)?;
    let iv = unhex(iv.trim_ascii()).ok_or(UNKNOWN_CIPHER)?;
    let salt = iv.get(..8).ok_or(UNKNOWN_CIPHER)?;
    let key = |length| derive(password.as_bytes(), salt, length);
    match cipher {
        "AES-128-CBC" => open::<cbc::Decryptor<aes::Aes128>>(&key(16), &iv, sealed),
        "AES-192-CBC" => open::<cbc::Decryptor<aes::Aes192>>(&key(24), &iv, sealed),
        "AES-256-CBC" => open::<cbc::Decryptor<aes::Aes256>>(&key(32), &iv, sealed),
        "DES-EDE3-CBC" => open::<cbc::Decryptor<des::TdesEde3>>(&key(24), &iv, sealed),
        _ => Err(UNKNOWN_CIPHER),
    }
}

fn open<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    iv: &[u8],
    sealed: &[u8],
) -> std::result::Result<Vec<u8>, Why> {
    let cipher = C::new_from_slices(key, iv).map_err(|_| UNKNOWN_CIPHER)?;
    cipher.decrypt_padded_vec::<Pkcs7>(sealed).map_err(|_| WRONG_PASSWORD)
}

fn derive(password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let (mut key, mut last) = (Vec::new(), Vec::new());
    while key.len() < length {
        let mut hash = Md5::new();
        hash.update(&last);
        hash.update(password);
        hash.update(salt);
        last = hash.finalize().to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    key
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> =
        text.chars().map(|c| c.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
    let digits = digits.filter(|it| it.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |all, digit| all << 4 | digit)).collect())
}
