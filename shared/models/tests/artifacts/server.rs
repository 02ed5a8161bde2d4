//! A loopback HTTP server for one file, which knows ranges and can fail.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How the server behaves.
#[derive(Default)]
pub(crate) struct Server {
    /// Where the first answers break off, as fractions of the whole file.
    pub(crate) cuts: Vec<f64>,
    /// Whether every answer is the whole file.
    pub(crate) without_ranges: bool,
    /// Whether every answer is 403.
    pub(crate) refuses: bool,
}

/// A server that runs until the test's process ends.
pub(crate) struct Running {
    /// Where its file is.
    pub(crate) url: String,
    starts: Arc<Mutex<Vec<Option<u64>>>>,
}

impl Running {
    /// The first byte that each request asked for; `None` for a request of the whole file.
    pub(crate) fn starts(&self) -> Vec<Option<u64>> {
        self.starts.lock().unwrap().clone()
    }
}

impl Server {
    pub(crate) fn start(mut self, file: Vec<u8>) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/m-1-py3-none-any.whl", listener.local_addr().unwrap());
        let starts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&starts);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let start = requested_start(&stream);
                seen.lock().unwrap().push(start);
                // A client that has gone away is its own affair.
                let _ = self.answer(stream, &file, start);
            }
        });
        Running { url, starts }
    }

    fn answer(&mut self, mut stream: TcpStream, file: &[u8], start: Option<u64>) -> std::io::Result<()> {
        let total = file.len();
        let start = start.filter(|_| !self.without_ranges).map(|start| start as usize);
        if self.refuses {
            return write!(stream, "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        if start.is_some_and(|start| start >= total) {
            return write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-range: bytes */{total}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
        let end = match self.cuts.is_empty() {
            true => total,
            false => (total as f64 * self.cuts.remove(0)) as usize,
        };
        match start {
            Some(start) => write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {start}-{}/{total}\r\ncontent-length: {}\r\n",
                total - 1,
                total - start
            )?,
            None => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n")?,
        }
        write!(stream, "connection: close\r\n\r\n")?;
        stream.write_all(&file[start.unwrap_or(0)..end])
    }
}

fn requested_start(stream: &TcpStream) -> Option<u64> {
    let lines = BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let headers: Vec<String> = lines.map(|line| line.to_ascii_lowercase()).collect();
    let range = headers.iter().find_map(|line| line.strip_prefix("range: bytes="))?;
    range.strip_suffix('-').unwrap().parse().ok()
}
