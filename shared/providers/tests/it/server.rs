//! A server of raw sockets: each connection is served by a function that may do anything.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server on loopback, which records what it is sent.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    requests: Vec<String>,
}

/// One connection of a client; it is closed when it is dropped.
pub(crate) struct Connection {
    stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// Serves every connection, on a thread of its own, with its number and `serve`.
    pub(crate) fn start(serve: impl Fn(usize, &mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (serve, seen) = (Arc::new(serve), Arc::new(Mutex::new(Seen::default())));
        let server = Self { address, seen: Arc::clone(&seen) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&seen));
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.connections += 1;
                    seen.connections - 1
                };
                std::thread::spawn(move || serve(number, &mut Connection { stream, seen }));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Every request that arrived whole: head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }
}

impl Connection {
    /// Reads and records one whole request; `false` at the connection's end.
    pub(crate) fn read_request(&mut self) -> bool {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.read_more(&mut bytes) {
                return false;
            }
        };
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let whole = head + length.parse::<usize>().unwrap();
        while bytes.len() < whole {
            if !self.read_more(&mut bytes) {
                return false;
            }
        }
        assert_eq!(bytes.len(), whole, "a client that pipelines");
        self.seen.lock().unwrap().requests.push(String::from_utf8(bytes).unwrap());
        true
    }

    /// Reads some bytes, whatever they are.
    pub(crate) fn read_more(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                bytes.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    /// Writes bytes; `false` when the client is gone.
    pub(crate) fn write(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).is_ok()
    }

    /// Ends the connection now.
    pub(crate) fn close(&self) {
        self.stream.shutdown(Shutdown::Both).unwrap();
    }

    /// A whole reply, after which the connection stays open.
    pub(crate) fn reply(&mut self, status: &str, headers: &str, body: &str) -> bool {
        self.write(&format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()))
    }
}
