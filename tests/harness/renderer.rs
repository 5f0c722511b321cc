//! A renderer of the C API.

use std::ffi::CString;
use std::ptr;

use super::abi::{self, wal_rendered, wal_renderer};
use super::stream::{Outcome, call};
use super::view::{Event, bytes};

/// Makes lines of events.
pub struct Renderer(*mut wal_renderer);

impl Renderer {
    /// One with these options.
    pub fn new(format: &str, options: &[(&str, &str)]) -> Self {
        let (format, mut out) = (CString::new(format).unwrap(), ptr::null_mut());
        // SAFETY: a terminated text, out-parameters of this frame.
        call(|err| unsafe { abi::wal_renderer_new(format.as_ptr(), &raw mut out, err) }).unwrap();
        let it = Self(out);
        for (name, value) in options {
            it.set(name, value).unwrap();
        }
        it
    }

    /// Sets an option.
    pub fn set(&self, name: &str, value: &str) -> Outcome<()> {
        let (name, value) = (CString::new(name).unwrap(), CString::new(value).unwrap());
        // SAFETY: a live renderer of this thread, terminated texts.
        call(|err| unsafe { abi::wal_renderer_set(self.0, name.as_ptr(), value.as_ptr(), err) }).map(|_| ())
    }

    /// Renders events that follow each other; how many messages there are.
    ///
    /// # Safety
    /// `n` live events follow each other.
    #[allow(dead_code, reason = "whoever counts allocations renders whole batches")]
    pub unsafe fn render(&mut self, events: *const abi::wal_event, n: usize) -> usize {
        let (mut out, mut count) = (ptr::null(), usize::MAX);
        // SAFETY: the caller's promise; a live renderer of this thread, out-parameters of this frame.
        call(|err| unsafe { abi::wal_renderer_events(self.0, events, n, &raw mut out, &raw mut count, err) })
            .unwrap();
        count
    }

    /// The message of an event, and its topic.
    pub fn message(&mut self, event: Event<'_>) -> (String, Option<String>) {
        let (mut out, mut count) = (ptr::null::<wal_rendered>(), usize::MAX);
        // SAFETY: a live renderer of this thread and a live event, out-parameters of this frame.
        call(|err| unsafe {
            abi::wal_renderer_events(self.0, event.raw(), 1, &raw mut out, &raw mut count, err)
        })
        .unwrap();
        assert_eq!(count, 1);
        // SAFETY: so many messages are there, whose bytes live until the next call.
        let (value, topic, lines) = unsafe {
            let it = &*out;
            assert_eq!((it.event, it.kind, it.reserved), (0, event.fields().kind, 0));
            assert!(it.key.data.is_null());
            let topic = (!it.topic.data.is_null()).then(|| bytes(it.topic));
            (bytes(it.value), topic, bytes(abi::wal_renderer_lines(self.0)))
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert!(!value.contains(&b'\n'));
        assert_eq!(lines, [value, b"\n"].concat());
        (text(value), topic.map(text))
    }

    /// The messages of an event, in formats that give several or none.
    pub fn messages(&mut self, event: Event<'_>) -> Vec<String> {
        self.try_messages(event).unwrap()
    }

    /// The same, or why there are none.
    pub fn try_messages(&mut self, event: Event<'_>) -> Outcome<Vec<String>> {
        let (mut out, mut count) = (ptr::null::<wal_rendered>(), usize::MAX);
        // SAFETY: a live renderer of this thread and a live event, out-parameters of this frame.
        let called = call(|err| unsafe {
            abi::wal_renderer_events(self.0, event.raw(), 1, &raw mut out, &raw mut count, err)
        });
        if let Err(failure) = called {
            assert!(out.is_null() && count == 0);
            return Err(failure);
        }
        // SAFETY: so many messages are there, whose bytes live until the next call.
        let (values, lines) = unsafe {
            let all = (0..count).map(|at| bytes((*out.add(at)).value).to_vec());
            (all.collect::<Vec<_>>(), bytes(abi::wal_renderer_lines(self.0)))
        };
        let joined: Vec<u8> = values.iter().flat_map(|value| [value, &b"\n"[..]].concat()).collect();
        assert_eq!(lines, joined);
        Ok(values.into_iter().map(|value| String::from_utf8(value).expect("UTF-8")).collect())
    }

    /// The messages of an event with topic, key and value each, and tabs between them.
    #[allow(dead_code, reason = "for formats that have keys")]
    pub fn keyed(&mut self, event: Event<'_>) -> Vec<String> {
        let (mut out, mut count) = (ptr::null::<wal_rendered>(), usize::MAX);
        // SAFETY: a live renderer of this thread and a live event, out-parameters of this frame.
        call(|err| unsafe {
            abi::wal_renderer_events(self.0, event.raw(), 1, &raw mut out, &raw mut count, err)
        })
        .unwrap();
        let text = |part: abi::wal_bytes| match part.data.is_null() {
            true => "null".to_owned(),
            // SAFETY: bytes of the renderer, which live until the next call.
            false => String::from_utf8(unsafe { bytes(part) }.to_vec()).expect("UTF-8"),
        };
        let message = |at| {
            // SAFETY: so many messages are there.
            let it = unsafe { &*out.add(at) };
            format!("{}\t{}\t{}", text(it.topic), text(it.key), text(it.value))
        };
        (0..count).map(message).collect()
    }

    /// The message of an event.
    pub fn line(&mut self, event: Event<'_>) -> String {
        self.message(event).0
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        // SAFETY: made by `wal_renderer_new`, freed once.
        unsafe { abi::wal_renderer_free(self.0) };
    }
}
