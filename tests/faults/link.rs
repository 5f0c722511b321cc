//! The network between consumer and server, as bad as it is told to be: it cuts at any byte, stalls one way, delays.
//!
//! It looks at no message. What it passes on it passes on unchanged and in order.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer = 0,
    ToConsumer = 1,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// As when a program closes it: what was sent before still arrives.
    Closed,
    /// As when a middlebox forgot it.
    Reset,
}

/// A listening proxy before a server.
pub struct Link {
    port: u16,
    weather: Arc<Mutex<Weather>>,
}

struct Weather {
    cut: Option<Cut>,
    stalled_until: [Instant; 2],
    delay: Duration,
}

/// The next cut: of whichever connection lets the last of these bytes through.
struct Cut {
    way: Way,
    bytes: u64,
    end: End,
}

impl Link {
    /// Listens before the server at `target`.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let now = Instant::now();
        let fair = Weather { cut: None, stalled_until: [now; 2], delay: Duration::ZERO };
        let weather = Arc::new(Mutex::new(fair));
        let shared = Arc::clone(&weather);
        thread::spawn(move || {
            for consumer in listener.incoming() {
                let consumer = consumer.unwrap();
                // A server that is down refuses; so the proxy hangs up.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", target)) {
                    join(consumer, server, &shared);
                }
            }
        });
        Self { port, weather }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts a connection once so many more bytes went that way.
    pub fn cut_after(&self, way: Way, bytes: u64, end: End) {
        self.lock().cut = Some(Cut { way, bytes, end });
    }

    /// Whether the last cut has come to pass.
    pub fn has_cut(&self) -> bool {
        self.lock().cut.is_none()
    }

    /// Lets nothing through one way for a while; no connection ends of it.
    pub fn stall(&self, way: Way, time: Duration) {
        self.lock().stalled_until[way as usize] = Instant::now() + time;
    }

    /// Holds every read back for a while, both ways.
    pub fn delay(&self, time: Duration) {
        self.lock().delay = time;
    }

    fn lock(&self) -> MutexGuard<'_, Weather> {
        lock(&self.weather)
    }
}

fn lock(weather: &Mutex<Weather>) -> MutexGuard<'_, Weather> {
    weather.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(consumer: TcpStream, server: TcpStream, weather: &Arc<Mutex<Weather>>) {
    for stream in [&consumer, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (consumer, server) = (Arc::new(consumer), Arc::new(server));
    let end = Arc::new(OnceLock::new());
    for (from, to, way) in
        [(Arc::clone(&consumer), Arc::clone(&server), Way::ToServer), (server, consumer, Way::ToConsumer)]
    {
        let (weather, end) = (Arc::clone(weather), Arc::clone(&end));
        thread::spawn(move || {
            let mine = pump(&from, &to, way, &weather);
            // Both ways end as the first of them did.
            let end = *end.get_or_init(|| mine);
            hang_up(&from, end);
            hang_up(&to, end);
        });
    }
}

/// Passes on until one side ends or the cut comes.
fn pump(mut from: &TcpStream, mut to: &TcpStream, way: Way, weather: &Mutex<Weather>) -> End {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(n @ 1..) = from.read(&mut buffer) else { return End::Closed };
        wait_out(way, weather);
        let (n, cut) = let_through(way, n as u64, weather);
        if to.write_all(&buffer[..n as usize]).is_err() {
            return End::Closed;
        }
        if let Some(end) = cut {
            return end;
        }
    }
}

fn wait_out(way: Way, weather: &Mutex<Weather>) {
    thread::sleep(lock(weather).delay);
    loop {
        let left = lock(weather).stalled_until[way as usize].saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(20)));
    }
}

/// How many of `n` bytes still go, and how the connection ends behind them if it does.
fn let_through(way: Way, n: u64, weather: &Mutex<Weather>) -> (u64, Option<End>) {
    let mut weather = lock(weather);
    match &mut weather.cut {
        Some(cut) if cut.way == way && cut.bytes <= n => {
            let gone = (cut.bytes, Some(cut.end));
            weather.cut = None;
            gone
        }
        Some(cut) if cut.way == way => {
            cut.bytes -= n;
            (n, None)
        }
        _ => (n, None),
    }
}

fn hang_up(stream: &TcpStream, end: End) {
    match end {
        End::Closed => drop(stream.shutdown(Shutdown::Both)),
        // With no linger time closing sends a reset. It is closed once the other way's thread has ended too.
        End::Reset => {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Read);
        }
    }
}
