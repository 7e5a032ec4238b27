//! Fields with what they mean.

use core::fmt::{self, Display, Formatter, LowerHex};

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

/// Evidence, field by field.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    /// What it is.
    pub(super) kind: String,
    pub(super) fields: Vec<Field>,
}

/// How a field should look to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mood {
    /// It is what it is.
    Plain,
    /// Unusual: to be looked at.
    Notice,
    /// It gives away what the TEE is for.
    Danger,
}

/// One field.
#[derive(Debug, Serialize)]
pub(super) struct Field {
    /// The vendor's name.
    name: &'static str,
    value: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    meaning: String,
    mood: Mood,
}

impl Explained {
    pub(super) fn new(kind: String) -> Self {
        Self { kind, fields: Vec::new() }
    }

    /// A field that needs no explanation.
    pub(super) fn plain(&mut self, name: &'static str, value: impl ToString) {
        self.says(name, value, "");
    }

    /// A field with what it means.
    pub(super) fn says(&mut self, name: &'static str, value: impl ToString, meaning: impl Into<String>) {
        self.field(name, value, meaning, Mood::Plain);
    }

    pub(super) fn field(
        &mut self,
        name: &'static str,
        value: impl ToString,
        meaning: impl Into<String>,
        mood: Mood,
    ) {
        self.fields.push(Field { name, value: value.to_string(), meaning: meaning.into(), mood });
    }

    /// Bytes; `zero` says what it means if they all are.
    pub(super) fn bytes(&mut self, name: &'static str, bytes: &[u8], zero: &str) {
        let meaning = if bytes.iter().all(|byte| *byte == 0) { zero } else { "" };
        self.says(name, hex(bytes), meaning);
    }
}

/// Bytes as people write them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number as the specifications write it.
pub(super) fn number(value: impl LowerHex) -> String {
    format!("{value:#x}")
}

/// The names of the bits that are set, and the positions of those that have none.
pub(super) fn bits(value: u64, names: &[(u32, &'static str)]) -> String {
    let set = (0..64).filter(|position| value >> position & 1 == 1);
    let named = set.map(|position| {
        let name = names.iter().find(|(known, _)| *known == position).map(|(_, name)| *name);
        name.map_or_else(|| format!("bit {position}"), str::to_owned)
    });
    let text = named.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "none".into() } else { text }
}

/// Columns of a field's name.
const NAME: usize = 22;

/// For a terminal; whoever prints it elsewhere takes the styles out.
impl Display for Explained {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let heading = Style::new().bold();
        writeln!(formatter, "{heading}{}{heading:#}", self.kind)?;
        for Field { name, value, meaning, mood } in &self.fields {
            let style = match mood {
                Mood::Plain => Style::new(),
                Mood::Notice => AnsiColor::Yellow.on_default(),
                Mood::Danger => AnsiColor::Red.on_default().bold(),
            };
            let zeros = format!("zero ({} bytes)", value.len() / 2);
            let none = value.len() >= 16 && value.bytes().all(|digit| digit == b'0');
            let value = if none { &zeros } else { value };
            // What is long is broken, so that it stays in its column.
            let mut lines = value.as_bytes().chunks(64).map(String::from_utf8_lossy);
            let first = lines.next().unwrap_or_default();
            write!(formatter, "  {name:NAME$}{style}{first}{style:#}")?;
            for line in lines {
                write!(formatter, "\n  {:NAME$}{style}{line}{style:#}", "")?;
            }
            match (meaning.as_str(), value.len()) {
                ("", _) => writeln!(formatter)?,
                (meaning, 0..=24) => {
                    let gap = " ".repeat(26 - value.len().min(25));
                    writeln!(formatter, "{gap}{style}{meaning}{style:#}")?;
                }
                (meaning, _) => writeln!(formatter, "\n  {:NAME$}{style}{meaning}{style:#}", "")?,
            }
        }
        Ok(())
    }
}
