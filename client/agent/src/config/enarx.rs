//! `Enarx.toml`, the configuration of the project whose architecture this is.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::keys::{Keys, Value};
use super::{ConfigError, Settings, Source, Stdio};

const KEYS: Keys = Keys(&[
    ("steward", Value::Any),
    ("args", Value::Any),
    ("env", Value::Any),
    (
        "files",
        Value::Tables(Keys(&[
            ("kind", Value::Any),
            ("name", Value::Any),
            ("host", Value::Any),
            ("addr", Value::Any),
            ("port", Value::Any),
            ("prot", Value::Any),
        ])),
    ),
]);

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    steward: Option<Spanned<String>>,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    files: Option<Vec<Descriptor>>,
}

/// What one of the application's file descriptors is, by position.
#[derive(Deserialize)]
struct Descriptor {
    kind: Spanned<Kind>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Null,
    Stdin,
    Stdout,
    Stderr,
    Listen,
    Connect,
}

pub(super) fn parse(source: &Source<'_>) -> Result<Settings, ConfigError> {
    KEYS.check(source)?;
    let file: File = toml::from_str(source.text).map_err(|error| source.wrong(&error))?;
    if let Some(steward) = file.steward {
        return Err(ConfigError::NotServed {
            place: source.place(steward.span().start),
            key: "steward".into(),
            reason: "a Keep has no attestation service; remove the key",
        });
    }
    let mut settings = Settings { args: file.args, env: file.env, ..Settings::default() };
    if let Some(files) = file.files {
        settings.stdio = stdio(source, &files)?;
    }
    Ok(settings)
}

/// The three standard streams. A descriptor that is not listed is not connected.
fn stdio(source: &Source<'_>, files: &[Descriptor]) -> Result<[Stdio; 3], ConfigError> {
    const OWN: [Kind; 3] = [Kind::Stdin, Kind::Stdout, Kind::Stderr];
    let mut stdio = [Stdio::Null; 3];
    for (position, file) in files.iter().enumerate() {
        let place = source.place(file.kind.span().start);
        let kind = *file.kind.get_ref();
        if let Kind::Listen | Kind::Connect = kind {
            let key = if kind == Kind::Listen { "listen" } else { "connect" };
            let reason = "a Keep has no network yet; remove the entry";
            return Err(ConfigError::NotServed { place, key: key.into(), reason });
        }
        match (stdio.get_mut(position), OWN.get(position)) {
            (Some(stream), Some(own)) if kind == *own => *stream = Stdio::Client,
            (Some(_), _) if kind == Kind::Null => {}
            _ => {
                let message = format!(
                    "file {position} cannot be of this kind; the first three can be stdin, stdout and stderr, in this order, or null"
                );
                return Err(ConfigError::Wrong { place, message });
            }
        }
    }
    Ok(stdio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        super::super::parse(Path::new("Enarx.toml"), text)
    }

    #[test]
    fn what_can_be_served_is_taken_over() {
        let text = r#"
            args = ["a"]
            env = { KEY = "value" }
            [[files]]
            kind = "null"
            [[files]]
            kind = "stdout"
        "#;
        let settings = parse(text).unwrap();
        assert_eq!(settings.args, ["a"]);
        assert_eq!(settings.env["KEY"], "value");
        assert_eq!(settings.stdio, [Stdio::Null, Stdio::Client, Stdio::Null]);
        assert_eq!(parse("").unwrap(), Settings::default());
    }

    #[test]
    fn what_cannot_be_served_is_named_with_its_place() {
        let error = parse("args = []\nsteward = \"https://steward.example\"").unwrap_err().to_string();
        assert!(error.starts_with("Enarx.toml:2:11: `steward` is not served yet"), "{error}");
        let listen = "[[files]]\nkind = \"listen\"\nprot = \"tls\"\nport = 8080\nname = \"web\"";
        let error = parse(listen).unwrap_err().to_string();
        assert!(error.starts_with("Enarx.toml:2:8: `listen` is not served yet"), "{error}");
        let error = parse("[[files]]\nkind = \"connect\"\nhost = \"example.com\"").unwrap_err().to_string();
        assert!(error.starts_with("Enarx.toml:2:8: `connect` is not served yet"), "{error}");
    }

    #[test]
    fn descriptors_out_of_place_and_unknown_keys_are_refused() {
        let error = parse("[[files]]\nkind = \"stderr\"").unwrap_err().to_string();
        assert!(error.starts_with("Enarx.toml:2:8: file 0 cannot be"), "{error}");
        let error = parse("arg = []").unwrap_err().to_string();
        assert_eq!(error, "Enarx.toml:1:1: unknown key `arg`; did you mean `args`?");
    }
}
