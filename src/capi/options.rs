//! Options, their descriptions, and the log callback.

use std::ffi::{CString, c_char, c_void};
use std::sync::{Arc, OnceLock};

use super::boundary::{boundary, reference, text};
use super::error::c_string;
use super::{wal_error, wal_status};
use crate::engine::{Level, Logger, set_threads};
use crate::error::{Error, Status};
use crate::options::{Options, TABLE};

/// The options of a stream, by name. Copied when a stream is made of them: free them whenever you like.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_options {
    pub(super) options: Options,
    pub(super) logger: Logger,
    /// What `wal_options_get` gave out since the last change, by option.
    shown: Vec<OnceLock<CString>>,
}

/// What is known of one option. All texts are static.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wal_option_info {
    /// Its name.
    pub name: *const c_char,
    /// What it takes: text, names, choice, switch, LSN, size, duration.
    pub type_name: *const c_char,
    /// What holds when it is not set; "" where there is no default.
    pub default_value: *const c_char,
    /// What it accepts.
    pub range: *const c_char,
    /// What it does.
    pub sentence: *const c_char,
}

/// Receives log messages. `level` is a wal_log_level. `target` names the part of the library that speaks: "connect"
/// (connecting, checking the server, the slot), "stream" (what the server says, how the stream ends) or "feedback" (each
/// status update, for debugging); further ones may come. Both are NUL-terminated UTF-8, and never hold a password. No
/// level logs single events: how much is logged does not depend on how many there are.
///
/// Called on the engine's thread or on one that is inside a call; the texts live as long as the call of the callback.
/// While it runs, that thread does nothing else: on the engine's, all streams of the thread wait for it. So it must not
/// block for long; queue the message where writing it may take time. It must not throw or longjmp.
///
/// From here every function that makes a wal_stream or a wal_connection, or that works on any of them and returns a
/// wal_status, gives WAL_E_BUSY. Not refused are wal_stream_fd, wal_stream_interrupt, wal_connection_interrupt, the _clear
/// functions beside them, wal_connection_server_version and wal_stats_prometheus. Do not free a stream or a connection here.
#[allow(non_camel_case_types)]
pub type wal_log_callback = Option<
    unsafe extern "C" fn(userdata: *mut c_void, level: i32, target: *const c_char, message: *const c_char),
>;

/// Makes options, all at their defaults.
///
/// @param[out] out the options, owned by the caller: wal_options_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK
/// @par Thread safety
/// one thread at a time for one wal_options, any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_options_new(out: *mut *mut wal_options, err: *mut *mut wal_error) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        let made = wal_options { options: Options::new(), logger: Logger::default(), shown: fresh() };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(made))) };
        Ok(Status::WAL_OK)
    }))
}

/// Frees options.
///
/// @param options may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_options_free(options: *mut wal_options) {
    boundary!(neutral((); {
        if !options.is_null() {
            // SAFETY: made by `wal_options_new`; the contract: freed once.
            drop(unsafe { Box::from_raw(options) });
        }
    }));
}

/// Sets an option. Nothing is ever ignored: an unknown name and a value that the option does not take are errors,
/// whose hint names the nearest option or the accepted form.
///
/// @param[in,out] options to change
/// @param[in] key the option's name
/// @param[in] value the value, or NULL for the default
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_UNKNOWN_OPTION, WAL_E_BAD_OPTION, WAL_E_CONNINFO (a conninfo that cannot be parsed),
/// WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_options_set(
    options: *mut wal_options,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle that no other thread uses now, texts that are NUL-terminated.
        let (key, value) = unsafe {
            reference(options.cast_const(), "options")?;
            (text(key, "key")?, if value.is_null() { None } else { Some(text(value, "value")?) })
        };
        // SAFETY: as above; checked not to be NULL.
        let options = unsafe { &mut *options };
        options.options.set(key, value)?;
        options.shown = fresh();
        Ok(Status::WAL_OK)
    }))
}

/// What an option is set to, or its default. A connection string is shown without its password.
///
/// @param[in] options to look in
/// @param[in] key the option's name
/// @param[out] out the value, borrowed until the next wal_options_set or wal_options_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_UNKNOWN_OPTION, WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_options_get(
    options: *const wal_options,
    key: *const c_char,
    out: *mut *const c_char,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null(); {
        // SAFETY: the contract: a live handle and a NUL-terminated text.
        let (options, key) = unsafe { (reference(options, "options")?, text(key, "key")?) };
        let value = options.options.get(key)?;
        let place = TABLE.iter().position(|spec| spec.name == key).and_then(|at| options.shown.get(at));
        if let Some(place) = place {
            // SAFETY: checked not to be NULL.
            unsafe { out.write(place.get_or_init(|| c_string(&value)).as_ptr()) };
        }
        Ok(Status::WAL_OK)
    }))
}

/// Describes the options one by one, in the order of the documentation.
///
/// @param[in] index from 0
/// @param[out] out the description; as many bytes of it as `size` says are written
/// @param[in] size sizeof(wal_option_info) of the header the program was compiled with
/// @return WAL_OK; WAL_END where there is no option of this index; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_options_describe(
    index: usize,
    out: *mut wal_option_info,
    size: usize,
) -> wal_status {
    let err: *mut *mut wal_error = std::ptr::null_mut();
    boundary!(fallible(err; ; {
        super::boundary::not_null(out.cast_const(), "out")?;
        // SAFETY: the contract: `out` holds `size` bytes.
        unsafe { out.cast::<u8>().write_bytes(0, size) };
        let Some(texts) = descriptions().get(index) else { return Ok(Status::WAL_END) };
        let [name, type_name, default_value, range, sentence] = texts.each_ref().map(|text| text.as_ptr());
        let info = wal_option_info { name, type_name, default_value, range, sentence };
        // SAFETY: the contract: `out` holds `size` bytes; the source holds at least as many as are copied.
        unsafe { super::stats::copy_sized(&info, out, size) };
        Ok(Status::WAL_OK)
    }))
}

/// Sends log messages to a callback; without one the library is silent.
///
/// @param[in,out] options to change
/// @param[in] most_detail the last wal_log_level to send: 1 errors, 2 warnings, 3 information, 4 debugging
/// @param[in] callback receives the messages; NULL for none
/// @param[in] userdata given to each call; must live as long as every stream made of these options
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_options_set_log(
    options: *mut wal_options,
    most_detail: i32,
    callback: wal_log_callback,
    userdata: *mut c_void,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle that no other thread uses now.
        unsafe { reference(options.cast_const(), "options") }?;
        // SAFETY: as above; checked not to be NULL.
        let options = unsafe { &mut *options };
        let most = match most_detail {
            1 => Level::WAL_LOG_ERROR,
            2 => Level::WAL_LOG_WARN,
            3 => Level::WAL_LOG_INFO,
            4 => Level::WAL_LOG_DEBUG,
            other => {
                let what = format!("{other} is not a log level");
                return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, what).with_hint("Levels go from 1 to 4."));
            }
        };
        options.logger = callback.map_or_else(Logger::default, |callback| {
            let userdata = Userdata(userdata);
            Logger::new(most, Arc::new(move |level, target, message| {
                let Userdata(userdata) = { &userdata };
                let (target, message) = (c_string(target), c_string(message));
                // SAFETY: the contract: the callback and its userdata live as long as the stream, and it may be
                // called from any thread.
                unsafe { callback(*userdata, level as i32, target.as_ptr(), message.as_ptr()) };
            }))
        });
        Ok(Status::WAL_OK)
    }))
}

/// Over how many engine threads the streams are spread that are opened from now on. 1 unless set: one thread serves
/// a thousand streams; more help only where several busy streams keep one core busy.
///
/// @param[in] threads 1 to 64
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_engine_set_threads(threads: u32, err: *mut *mut wal_error) -> wal_status {
    boundary!(fallible(err; ; {
        if !(1..=64).contains(&threads) {
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("{threads} engine threads: give 1 to 64")));
        }
        set_threads(threads as usize)?;
        Ok(Status::WAL_OK)
    }))
}

struct Userdata(*mut c_void);

// SAFETY: the contract makes the callback and its userdata callable from any thread.
unsafe impl Send for Userdata {}
// SAFETY: as above.
unsafe impl Sync for Userdata {}

fn fresh() -> Vec<OnceLock<CString>> {
    TABLE.iter().map(|_| OnceLock::new()).collect()
}

fn descriptions() -> &'static [[CString; 5]] {
    static TEXTS: OnceLock<Vec<[CString; 5]>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let texts = |spec: &crate::options::Spec| {
            [spec.name, spec.kind.name(), spec.default, &spec.kind.range(), spec.sentence].map(c_string)
        };
        TABLE.iter().map(texts).collect()
    })
}
