//! A function that does nothing, with nothing but the standard library: what cold starts are held against.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("it is started by the emulator");
    loop {
        let path = "/2018-06-01/runtime/invocation";
        let id = send(&api, &format!("GET {path}/next"), "")?;
        send(&api, &format!("POST {path}/{id}/response"), "{}")?;
    }
}

/// Sends one request and gives the id of the invocation that the reply names.
fn send(api: &str, request: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(api)?;
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {api}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let (mut id, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("lambda-runtime-aws-request-id")
        {
            id = value.trim().to_owned();
        }
        line.clear();
    }
    reader.read_to_end(&mut Vec::new())?;
    Ok(id)
}
