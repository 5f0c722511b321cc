//! libpq itself, of version 18 or another, from the fetched servers.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::{env, ptr};

/// Names and values.
pub type Pairs = BTreeMap<String, Vec<u8>>;

/// libpq-fe.h: PQconninfoOption.
#[repr(C)]
struct Parameter {
    keyword: *const c_char,
    envvar: *const c_char,
    compiled: *const c_char,
    val: *const c_char,
    label: *const c_char,
    dispchar: *const c_char,
    dispsize: c_int,
}

type Parse = unsafe extern "C" fn(*const c_char, *mut *mut c_char) -> *mut Parameter;
type Defaults = unsafe extern "C" fn() -> *mut Parameter;
type FreeParameters = unsafe extern "C" fn(*mut Parameter);
type Connect = unsafe extern "C" fn(*const c_char) -> *mut c_void;
type Password = unsafe extern "C" fn(*const c_void) -> *const c_char;
type Used = unsafe extern "C" fn(*const c_void) -> *mut Parameter;
type Finish = unsafe extern "C" fn(*mut c_void);
type Free = unsafe extern "C" fn(*mut c_void);
type ConnectAll = unsafe extern "C" fn(*const c_char) -> *mut c_void;
type Number = unsafe extern "C" fn(*const c_void) -> c_int;
type Text = unsafe extern "C" fn(*const c_void) -> *const c_char;
type Execute = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
type Encrypt = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char) -> *mut c_char;
type Value = unsafe extern "C" fn(*const c_void, c_int, c_int) -> *const c_char;

/// The libpq that came with the servers.
pub struct Libpq {
    parse: Parse,
    defaults: Defaults,
    free_parameters: FreeParameters,
    connect: Connect,
    password: Password,
    used: Used,
    finish: Finish,
    free: Free,
    connect_all: ConnectAll,
    status: Number,
    message: Text,
    execute: Execute,
    value: Value,
    clear: Free,
    encrypt: Encrypt,
}

impl Libpq {
    pub fn load() -> Self {
        Self::of(18)
    }

    /// That of any version.
    pub fn of(version: c_int) -> Self {
        let servers = env::var_os("PGWALSTREAM_SERVERS").map(PathBuf::from);
        let servers = servers.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/.cache/pg").into());
        let path = servers.join(format!("{version}/lib/libpq.so.5"));
        let name = CString::new(path.to_str().unwrap()).unwrap();
        // With its own symbols before those of the libpq that the feature `libpq` links.
        let how = libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_DEEPBIND;
        // SAFETY: a library of the fetched servers, which stays loaded.
        let library = unsafe { libc::dlopen(name.as_ptr(), how) };
        assert!(!library.is_null(), "no {}: run script/servers, or set PGWALSTREAM_SERVERS", path.display());
        let symbol = |name: &CStr| {
            // SAFETY: the handle is that of an open library.
            let found = unsafe { libc::dlsym(library, name.as_ptr()) };
            assert!(!found.is_null(), "{name:?}");
            found
        };
        // SAFETY: the types are those that libpq-fe.h has declared since version 9.
        unsafe {
            let own: unsafe extern "C" fn() -> c_int = std::mem::transmute(symbol(c"PQlibVersion"));
            assert_eq!(own() / 10_000, version);
            Self {
                parse: std::mem::transmute::<*mut c_void, Parse>(symbol(c"PQconninfoParse")),
                defaults: std::mem::transmute::<*mut c_void, Defaults>(symbol(c"PQconndefaults")),
                free_parameters: std::mem::transmute::<*mut c_void, FreeParameters>(symbol(
                    c"PQconninfoFree",
                )),
                connect: std::mem::transmute::<*mut c_void, Connect>(symbol(c"PQconnectStart")),
                password: std::mem::transmute::<*mut c_void, Password>(symbol(c"PQpass")),
                used: std::mem::transmute::<*mut c_void, Used>(symbol(c"PQconninfo")),
                finish: std::mem::transmute::<*mut c_void, Finish>(symbol(c"PQfinish")),
                free: std::mem::transmute::<*mut c_void, Free>(symbol(c"PQfreemem")),
                connect_all: std::mem::transmute::<*mut c_void, ConnectAll>(symbol(c"PQconnectdb")),
                status: std::mem::transmute::<*mut c_void, Number>(symbol(c"PQstatus")),
                message: std::mem::transmute::<*mut c_void, Text>(symbol(c"PQerrorMessage")),
                execute: std::mem::transmute::<*mut c_void, Execute>(symbol(c"PQexec")),
                value: std::mem::transmute::<*mut c_void, Value>(symbol(c"PQgetvalue")),
                clear: std::mem::transmute::<*mut c_void, Free>(symbol(c"PQclear")),
                encrypt: std::mem::transmute::<*mut c_void, Encrypt>(symbol(c"PQencryptPasswordConn")),
            }
        }
    }

    /// What libpq finds in a string, or why it refuses it.
    pub fn pairs(&self, text: &str) -> Result<Pairs, String> {
        let text = CString::new(text).unwrap();
        let mut message = ptr::null_mut();
        // SAFETY: a terminated string and an out-parameter of this frame; what comes back is freed once.
        unsafe {
            let found = (self.parse)(text.as_ptr(), &raw mut message);
            if found.is_null() {
                let said = string(message).unwrap_or_default();
                (self.free)(message.cast());
                return Err(said);
            }
            Ok(self.taken(found))
        }
    }

    /// SAFETY: `found` is what libpq gave, and is not used again.
    unsafe fn taken(&self, found: *mut Parameter) -> Pairs {
        // SAFETY: as the caller promised.
        unsafe {
            let pairs = each(found).filter(|it| !it.val.is_null()).map(|it| {
                let value = CStr::from_ptr(it.val).to_bytes().to_vec();
                (string(it.keyword).unwrap(), value)
            });
            let pairs = pairs.collect();
            (self.free_parameters)(found);
            pairs
        }
    }

    /// Begins to connect: the password that it would give, and all parameters, completed; `None` where a service or
    /// its file is refused.
    pub fn begin(&self, text: &str) -> (String, Option<Pairs>) {
        let text = CString::new(text).unwrap();
        // SAFETY: a terminated string; the connection is finished once.
        unsafe {
            let connection = (self.connect)(text.as_ptr());
            let password = string((self.password)(connection)).unwrap_or_default();
            let used = self.taken((self.used)(connection));
            (self.finish)(connection);
            // A refused one has no parameters at all.
            (password, Some(used).filter(|it| it.contains_key("user")))
        }
    }

    /// Connects and asks for one value; what libpq says if it does not come to that.
    pub fn ask(&self, conninfo: &str, query: &str) -> Result<String, String> {
        let (conninfo, query) = (CString::new(conninfo).unwrap(), CString::new(query).unwrap());
        // SAFETY: terminated strings; the connection is finished and the result cleared once, after their last use.
        unsafe {
            let connection = (self.connect_all)(conninfo.as_ptr());
            let answer = match (self.status)(connection) {
                0 => {
                    let result = (self.execute)(connection, query.as_ptr());
                    let value = string((self.value)(result, 0, 0)).ok_or("no value".to_owned());
                    (self.clear)(result);
                    value
                }
                _ => Err(string((self.message)(connection)).unwrap_or_default().trim().to_owned()),
            };
            (self.finish)(connection);
            answer
        }
    }

    /// Connects, and gives to each password what libpq would store for it with SCRAM.
    pub fn verifiers(
        &self,
        conninfo: &str,
        passwords: impl Iterator<Item = String>,
        each: impl Fn(&str, &str),
    ) {
        let conninfo = CString::new(conninfo).unwrap();
        // SAFETY: terminated strings; the connection is finished and each verifier freed once, after their last use.
        unsafe {
            let connection = (self.connect_all)(conninfo.as_ptr());
            assert_eq!((self.status)(connection), 0);
            for password in passwords {
                let text = CString::new(password.as_str()).unwrap();
                let made =
                    (self.encrypt)(connection, text.as_ptr(), c"u".as_ptr(), c"scram-sha-256".as_ptr());
                each(&password, &string(made).expect("a verifier"));
                (self.free)(made.cast());
            }
            (self.finish)(connection);
        }
    }

    /// Name, environment variable and how to show it, of every parameter.
    pub fn parameters(&self) -> Vec<(String, Option<String>, String)> {
        // SAFETY: as above.
        unsafe {
            let found = (self.defaults)();
            let all = each(found).map(|it| {
                (string(it.keyword).unwrap(), string(it.envvar), string(it.dispchar).unwrap_or_default())
            });
            let all = all.collect();
            (self.free_parameters)(found);
            all
        }
    }
}

/// SAFETY: `first` begins an array that ends with a row without a keyword.
unsafe fn each<'a>(first: *mut Parameter) -> impl Iterator<Item = &'a Parameter> {
    // SAFETY: as the caller promised.
    (0..).map(move |at| unsafe { &*first.add(at) }).take_while(|it| !it.keyword.is_null())
}

/// SAFETY: NULL or a terminated string.
unsafe fn string(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller promised.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
