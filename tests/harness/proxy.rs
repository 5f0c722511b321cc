//! A proxy between the library and a server that tampers with what the server says.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What a proxy does to a message of the server: the tag and the body in, what the library gets out.
pub type Tamper = dyn FnMut(u8, &[u8], &mut Outlet) + Send;

/// What goes to the library in place of a message.
pub struct Outlet {
    /// The connection's number: all share one tampering function, and their messages come mixed.
    pub connection: u64,
    bytes: Vec<u8>,
    again: Vec<u8>,
    pause: Duration,
    cut: bool,
}

impl Outlet {
    /// Passes a message on.
    pub fn send(&mut self, tag: u8, body: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        self.bytes.extend_from_slice(body);
    }

    /// Passes bytes on that are no well-formed message.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Says this for ever behind what was sent so far, and nothing else any more.
    pub fn flood(&mut self, bytes: &[u8]) {
        self.again = bytes.to_vec();
    }

    /// The same, slowly.
    pub fn drip(&mut self, bytes: &[u8], pause: Duration) {
        self.flood(bytes);
        self.pause = pause;
    }

    /// Closes the connection behind what was sent so far.
    pub fn cut(&mut self) {
        self.cut = true;
    }
}

/// Which way nothing passes any more. What was read already waits; the connections stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    FromServer,
    ToServer,
    Both,
}

/// The state of the way, and who waits for it to change.
#[derive(Default)]
struct Valve(Mutex<Option<Stall>>, Condvar);

impl Valve {
    fn set(&self, to: Option<Stall>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
        self.1.notify_all();
    }

    /// Waits while what goes `this_way` is stalled.
    fn pass(&self, this_way: Stall) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stalled = |now: &mut Option<Stall>| *now == Some(this_way) || *now == Some(Stall::Both);
        drop(self.1.wait_while(held, stalled).unwrap_or_else(PoisonError::into_inner));
    }
}

/// A listening proxy.
pub struct Proxy {
    port: u16,
    startup: Arc<Mutex<Vec<u8>>>,
    made: Arc<AtomicU64>,
    frozen: Arc<AtomicU64>,
    valve: Arc<Valve>,
}

/// One connection, which may be stalled with the others, or frozen with those that there were.
#[derive(Clone)]
struct Path {
    number: u64,
    frozen: Arc<AtomicU64>,
    valve: Arc<Valve>,
}

impl Path {
    /// What came is passed on this way once it may, unless the connection is frozen: then nothing ever is, not even its end.
    fn pass(&self, way: Stall) {
        self.valve.pass(way);
        while self.frozen.load(Ordering::SeqCst) > self.number {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Proxy {
    /// Listens, and tampers with every connection to the server at `target`.
    pub fn start(target: u16, tamper: impl FnMut(u8, &[u8], &mut Outlet) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let startup = Arc::new(Mutex::new(Vec::new()));
        let tamper: Arc<Mutex<Box<Tamper>>> = Arc::new(Mutex::new(Box::new(tamper)));
        let noted = Arc::clone(&startup);
        let (made, frozen) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, freezer) = (Arc::clone(&made), Arc::clone(&frozen));
        let valve = Arc::new(Valve::default());
        let ways = Arc::clone(&valve);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
                let (tamper, noted) = (Arc::clone(&tamper), Arc::clone(&noted));
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let path = Path {
                    number: count.fetch_add(1, Ordering::SeqCst),
                    frozen: Arc::clone(&freezer),
                    valve: Arc::clone(&ways),
                };
                let back = path.clone();
                thread::spawn(move || {
                    forward(&mut from, &mut to, &noted, &path);
                    // The end of a connection passes no sooner than its bytes.
                    path.pass(Stall::ToServer);
                    let _ = to.shutdown(Shutdown::Both);
                });
                thread::spawn(move || {
                    tamper_with(server, &client, &tamper, &back);
                    back.pass(Stall::FromServer);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, startup, made, frozen, valve }
    }

    /// Lets nothing pass this way any more, on any connection.
    pub fn stall(&self, way: Stall) {
        self.valve.set(Some(way));
    }

    /// Lets everything pass again.
    pub fn resume(&self) {
        self.valve.set(None);
    }

    /// From now on nothing passes over the connections that there are, in either direction, and nobody is told.
    pub fn freeze(&self) {
        self.frozen.store(self.made.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// How to reach a database through the proxy.
    pub fn conninfo(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user=postgres dbname={database} sslmode=disable", self.port)
    }

    /// What the last start-up packet said: keys and values.
    pub fn startup(&self) -> Vec<(String, String)> {
        let packet = self.startup.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words =
            packet[8..].split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut pairs = Vec::new();
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            if key.is_empty() {
                break;
            }
            pairs.push((key, value));
        }
        pairs
    }
}

fn forward(from: &mut TcpStream, to: &mut TcpStream, startup: &Mutex<Vec<u8>>, path: &Path) {
    let mut buffer = vec![0; 64 << 10];
    let mut first = true;
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if first {
            // A start-up packet fits one segment on the loopback.
            *startup.lock().unwrap_or_else(PoisonError::into_inner) = buffer[..n].to_vec();
            first = false;
        }
        path.pass(Stall::ToServer);
        if to.write_all(&buffer[..n]).is_err() {
            return;
        }
    }
}

fn tamper_with(mut server: TcpStream, mut client: &TcpStream, tamper: &Mutex<Box<Tamper>>, path: &Path) {
    let mut head = [0; 5];
    let mut body = Vec::new();
    while server.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
        body.resize(length, 0);
        if server.read_exact(&mut body).is_err() {
            return;
        }
        let mut outlet = Outlet {
            connection: path.number,
            bytes: Vec::new(),
            again: Vec::new(),
            pause: Duration::ZERO,
            cut: false,
        };
        tamper.lock().unwrap_or_else(PoisonError::into_inner)(head[0], &body, &mut outlet);
        path.pass(Stall::FromServer);
        if client.write_all(&outlet.bytes).is_err() || outlet.cut {
            return;
        }
        while !outlet.again.is_empty() {
            if client.write_all(&outlet.again).is_err() {
                return;
            }
            thread::sleep(outlet.pause);
        }
    }
}
