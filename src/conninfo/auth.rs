//! Which ways of authentication the user accepts: `require_auth`, `channel_binding` and SCRAM's keys.
//!
//! It must never show a key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use zeroize::Zeroize;

use super::bad;
use super::parameter::Key;
use super::settings::Settings;
use crate::error::Result;

/// Whether SCRAM is tied to the TLS connection, which shuts out whoever sits in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// If the server offers it.
    Prefer,
    /// The server must offer it, and ask for no other proof.
    Require,
}

/// A way of authentication, as `require_auth` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// The password in the clear.
    Password,
    /// Its MD5 hash.
    Md5,
    /// GSSAPI.
    Gss,
    /// SSPI.
    Sspi,
    /// SCRAM-SHA-256, tied to TLS or not.
    ScramSha256,
    /// OAuth.
    Oauth,
    /// The server lets the client in without asking: `trust`, `peer` and `cert`.
    None,
}

/// What the server may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequireAuth {
    /// As it was given, for errors.
    text: String,
    listed: Vec<AuthMethod>,
    list: List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    /// Only what is listed.
    Allowed,
    /// Everything else.
    Refused,
}

/// A key of SCRAM (RFC 5802), in place of the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKey(pub [u8; 32]);

impl Drop for ScramKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// All that the user says of authentication beside user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthPolicy {
    /// Whether SCRAM is tied to TLS.
    pub channel_binding: ChannelBinding,
    /// What the server may ask for; anything, if `None`.
    pub require: Option<RequireAuth>,
    /// What proves the client.
    pub client_key: Option<ScramKey>,
    /// What proves the server.
    pub server_key: Option<ScramKey>,
}

impl AuthPolicy {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self> {
        let it = Self {
            channel_binding: match settings.text(Key::ChannelBinding) {
                Some("disable") => ChannelBinding::Disable,
                Some("require") => ChannelBinding::Require,
                _ => ChannelBinding::Prefer,
            },
            require: require(settings)?,
            client_key: scram_key(settings, Key::ScramClient)?,
            server_key: scram_key(settings, Key::ScramServer)?,
        };
        // Without a password the server's proof could not be checked.
        if it.client_key.is_some() && it.server_key.is_none() {
            return Err(bad("scram_client_key is given and scram_server_key is not").with_hint(
                "Give both: without the other one the server could not be told from an impostor.",
            ));
        }
        Ok(it)
    }
}

impl RequireAuth {
    /// Reads a comma-separated list; a '!' before every method turns its meaning round.
    fn parse(text: &str) -> std::result::Result<Self, Wrong> {
        let mut it = Self { text: text.to_owned(), listed: Vec::new(), list: List::Allowed };
        for (at, part) in text.split(',').enumerate() {
            let (list, name) = match part.strip_prefix('!') {
                Some(name) => (List::Refused, name),
                None => (List::Allowed, part),
            };
            let method = match name {
                "password" => AuthMethod::Password,
                "md5" => AuthMethod::Md5,
                "gss" => AuthMethod::Gss,
                "sspi" => AuthMethod::Sspi,
                "scram-sha-256" => AuthMethod::ScramSha256,
                "oauth" => AuthMethod::Oauth,
                "none" => AuthMethod::None,
                _ => return Err(("names a method that is not known", METHODS)),
            };
            if at > 0 && list != it.list {
                return Err((
                    "mixes methods with and without '!'",
                    "List what is allowed, or what is refused.",
                ));
            }
            if it.listed.contains(&method) {
                return Err(("names a method twice", "Name each once."));
            }
            it.list = list;
            it.listed.push(method);
        }
        Ok(it)
    }

    /// Whether the server may ask for this.
    pub fn allows(&self, method: AuthMethod) -> bool {
        match self.list {
            List::Allowed => self.listed.contains(&method),
            List::Refused => !self.listed.contains(&method),
        }
    }

    /// The list as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }
}

const METHODS: &str =
    "It takes password, md5, gss, sspi, scram-sha-256, oauth and none, or each of them with a '!'.";

/// What is wrong with a list, and what to do.
type Wrong = (&'static str, &'static str);

fn require(settings: &Settings) -> Result<Option<RequireAuth>> {
    let Some(text) = settings.text(Key::RequireAuth) else { return Ok(None) };
    let list = RequireAuth::parse(text).map(Some);
    list.map_err(|(what, hint)| bad(format!("{} {what}", settings.place(Key::RequireAuth))).with_hint(hint))
}

fn scram_key(settings: &Settings, key: Key) -> Result<Option<ScramKey>> {
    let Some(text) = settings.text(key) else { return Ok(None) };
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    match bytes {
        Some(bytes) => Ok(Some(ScramKey(bytes))),
        None => Err(bad(format!("{} is not a key of 32 bytes in base64", settings.place(key))).with_hint(
            "It is the base64 text of the key that was made from the role's password, or leave it out.",
        )),
    }
}

impl std::fmt::Debug for ScramKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_mean_what_libpq_means() {
        use AuthMethod::*;
        for (text, allowed, refused) in [
            ("scram-sha-256", vec![ScramSha256], vec![None, Md5, Password]),
            ("md5,none", vec![Md5, None], vec![Password, ScramSha256]),
            ("!password,!md5", vec![None, ScramSha256, Gss], vec![Password, Md5]),
            ("!none", vec![Password, Md5], vec![None]),
        ] {
            let it = RequireAuth::parse(text).unwrap();
            assert!(allowed.iter().all(|method| it.allows(*method)), "{text}");
            assert!(!refused.iter().any(|method| it.allows(*method)), "{text}");
        }
        for text in
            ["x", "md5,", ",md5", "md5,md5", "md5,!none", "!md5,none", "!", "!!md5", "MD5", "md5, none"]
        {
            assert!(RequireAuth::parse(text).is_err(), "{text}");
        }
    }
}
