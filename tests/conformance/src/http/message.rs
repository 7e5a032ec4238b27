//! Messages on a connection.

use std::io::{self, BufRead, Read, Write};

/// The most bytes of a line, and of a body, that are read (1 MiB).
const MAX: u64 = 1 << 20;

/// A request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// Name and value of each header.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Name and value of each header after the body.
    pub trailers: Vec<(String, String)>,
}

impl Message {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The status of an answer.
    ///
    /// # Errors
    /// If the first line has none.
    pub fn status(&self) -> io::Result<u16> {
        let word = self.start.split(' ').nth(1).unwrap_or_default();
        word.parse().map_err(|_| broken("an answer without a status"))
    }

    /// Reads a message. One without a length has no body, unless it ends with the connection.
    ///
    /// # Errors
    /// If it breaks the rules or a limit.
    pub fn read(from: &mut impl BufRead, to_the_end: bool) -> io::Result<Self> {
        let start = line(from)?;
        let mut message = Self { start, headers: fields(from)?, ..Self::default() };
        let chunked = message.header("transfer-encoding").is_some_and(|value| value.contains("chunked"));
        let length = message.header("content-length").map(str::parse::<u64>);
        match length {
            _ if chunked => {
                while let size @ 1.. = chunk_size(&line(from)?)? {
                    exactly(from, size, &mut message.body)?;
                    line(from)?;
                }
                message.trailers = fields(from)?;
            }
            Some(length) => {
                exactly(from, length.map_err(|_| broken("a length that is no number"))?, &mut message.body)?;
            }
            None if to_the_end => {
                from.take(MAX).read_to_end(&mut message.body)?;
            }
            None => {}
        }
        Ok(message)
    }

    /// Writes the first line and the headers; the last of all headers is that the connection ends.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn write_head(&self, to: &mut impl Write) -> io::Result<()> {
        write!(to, "{}\r\n", self.start)?;
        write_fields(to, &self.headers)
    }
}

/// Writes headers or trailers, and the empty line.
pub(super) fn write_fields(to: &mut impl Write, fields: &[(String, String)]) -> io::Result<()> {
    for (name, value) in fields {
        write!(to, "{name}: {value}\r\n")?;
    }
    to.write_all(b"\r\n")
}

fn fields(from: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a header without a colon"))?;
        fields.push((name.trim().to_owned(), value.trim().to_owned()));
        if fields.len() > 1000 {
            return Err(broken("too many headers"));
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.take(MAX).read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.trim_end_matches('\r').to_owned()),
        None => Err(broken("a line without an end")),
    }
}

fn chunk_size(line: &str) -> io::Result<u64> {
    let digits = line.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|_| broken("a chunk without a size"))
}

fn exactly(from: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if length > MAX {
        return Err(broken("a body that is too long"));
    }
    let read = from.take(length).read_to_end(body)?;
    if read as u64 == length { Ok(()) } else { Err(broken("a body that ends too soon")) }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("HTTP: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Message> {
        Message::read(&mut text.as_bytes(), false)
    }

    #[test]
    fn a_length_bounds_the_body() {
        let message = read("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcdef").unwrap();
        assert_eq!(message.body, b"abc");
        assert!(read("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc").is_err());
        assert!(read("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").is_err());
    }

    #[test]
    fn chunks_are_joined_and_trailers_follow() {
        let message =
            read("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n").unwrap();
        assert_eq!((message.status().unwrap(), message.body.as_slice()), (200, b"abc".as_slice()));
        assert_eq!(message.trailers, [("X-Sum".into(), "3".into())]);
    }
}
