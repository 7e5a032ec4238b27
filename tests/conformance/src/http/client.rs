//! Asking a service.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Message;
use crate::spec::Request;

/// Sends a request to `address` and reads the answer.
///
/// # Errors
/// If the service cannot be reached, is silent for longer than `limit`, or breaks the rules of HTTP.
pub fn ask(address: &str, request: &Request, limit: Duration) -> io::Result<Message> {
    let connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(limit))?;
    let mut headers = vec![
        ("Host".to_owned(), address.to_owned()),
        ("Connection".to_owned(), "close".to_owned()),
        ("Content-Length".to_owned(), request.body.len().to_string()),
    ];
    headers.extend(request.headers.clone());
    let start = format!("{} {} HTTP/1.1", request.method, request.path);
    Message { start, headers, ..Message::default() }.write_head(&mut &connection)?;
    (&connection).write_all(request.body.as_bytes())?;
    Message::read(&mut BufReader::new(connection), request.method != "HEAD")
}
