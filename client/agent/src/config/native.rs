//! `Holdfast.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::keys::{Keys, Value};
use super::{ConfigError, Settings, Source, Stdio, parse_duration, parse_size};
use crate::pack::Mapping;

/// What `holdfast config init` writes: every key, with its default, commented out.
pub const TEMPLATE: &str = r#"# How `holdfast run --config Holdfast.toml` runs an application. Options on the command line win.

# Arguments of the application, after its name.
#args = ["--verbose"]

# Memory of the Keep: the application's own, its files, and about 16 MiB for the runtime.
#memory = "512M"

# Threads (vCPUs) of the Keep.
#threads = 1

# The whole environment of the application. Nothing is inherited.
#[env]
#LANG = "C.UTF-8"

# "inherit": this process's own. "null": nothing to read, and what is written is dropped.
#[stdio]
#stdin = "inherit"
#stdout = "inherit"
#stderr = "inherit"

# Directories that are copied into the Keep's memory before the start. Host paths are relative to this
# file. With `out`, what the application changed is copied back at the end, all at once.
#[[directories]]
#host = "data"
#guest = "/data"
#read-only = false
#out = false

#[limits]
# How long the application may run.
#timeout = "30s"
# How much it may compute, in units of about one WebAssembly instruction.
#fuel = 1000000000
"#;

const KEYS: Keys = Keys(&[
    ("args", Value::Any),
    ("env", Value::Any),
    ("stdio", Value::Tables(Keys(&[("stdin", Value::Any), ("stdout", Value::Any), ("stderr", Value::Any)]))),
    (
        "directories",
        Value::Tables(Keys(&[
            ("host", Value::Any),
            ("guest", Value::Any),
            ("read-only", Value::Any),
            ("out", Value::Any),
        ])),
    ),
    ("memory", Value::Any),
    ("threads", Value::Any),
    ("limits", Value::Tables(Keys(&[("timeout", Value::Any), ("fuel", Value::Any)]))),
]);

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    stdio: StdioTable,
    directories: Vec<Directory>,
    #[serde(deserialize_with = "size")]
    memory: Option<u64>,
    threads: Option<u32>,
    limits: Limits,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StdioTable {
    stdin: Stream,
    stdout: Stream,
    stderr: Stream,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stream {
    #[default]
    Inherit,
    Null,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Directory {
    host: PathBuf,
    guest: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    out: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    #[serde(deserialize_with = "duration")]
    timeout: Option<core::time::Duration>,
    fuel: Option<u64>,
}

pub(super) fn parse(source: &Source<'_>) -> Result<Settings, ConfigError> {
    KEYS.check(source)?;
    let file: File = toml::from_str(source.text).map_err(|error| source.wrong(&error))?;
    let base = source.path.parent().unwrap_or(Path::new(""));
    let stream = |stream| match stream {
        Stream::Inherit => Stdio::Client,
        Stream::Null => Stdio::Null,
    };
    let directory = |directory: Directory| Mapping {
        host: base.join(directory.host),
        guest: directory.guest,
        read_only: directory.read_only,
        out: directory.out,
    };
    Ok(Settings {
        args: file.args,
        env: file.env,
        stdio: [file.stdio.stdin, file.stdio.stdout, file.stdio.stderr].map(stream),
        directories: file.directories.into_iter().map(directory).collect(),
        memory: file.memory,
        threads: file.threads,
        timeout: file.limits.timeout,
        fuel: file.limits.fuel,
    })
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_size(&text).map(Some).map_err(D::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<core::time::Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        super::super::parse(Path::new("dir/Holdfast.toml"), text)
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_template_is_the_default_also_without_its_comments() {
        assert_eq!(parse(TEMPLATE).unwrap(), Settings::default());
        // A commented key has no space after its `#`; a comment has.
        let active: String = TEMPLATE
            .lines()
            .filter_map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => Some(format!("{rest}\n")),
                _ => None,
            })
            .collect();
        let settings = parse(&active).unwrap();
        assert_eq!(settings.args, ["--verbose"]);
        assert_eq!(settings.env, BTreeMap::from([("LANG".into(), "C.UTF-8".into())]));
        assert_eq!(settings.stdio, [Stdio::Client; 3]);
        assert_eq!(settings.memory, Some(512 << 20));
        assert_eq!(settings.threads, Some(1));
        assert_eq!(settings.timeout, Some(Duration::from_secs(30)));
        assert_eq!(settings.fuel, Some(1_000_000_000));
        let directory =
            Mapping { host: "dir/data".into(), guest: "/data".into(), read_only: false, out: false };
        assert_eq!(settings.directories, [directory]);
    }

    #[test]
    fn unknown_keys_are_named_with_place_and_nearest() {
        let expected = "dir/Holdfast.toml:2:1: unknown key `memroy`; did you mean `memory`?";
        assert_eq!(message("args = []\nmemroy = \"1G\"\n"), expected);
        let expected = "dir/Holdfast.toml:4:3: unknown key `readonly`; did you mean `read-only`?";
        assert_eq!(message("[[directories]]\nhost = \".\"\nguest = \"/\"\n  readonly = true"), expected);
        assert_eq!(message("[limits]\nxyzzy = 1"), "dir/Holdfast.toml:2:1: unknown key `xyzzy`");
    }

    #[test]
    fn wrong_values_are_named_with_their_place() {
        let error = message("threads = 1\nmemory = \"lots\"\n");
        assert!(error.starts_with("dir/Holdfast.toml:2:10: \"lots\" is not a size"), "{error}");
        let error = message("threads = \"two\"");
        assert!(error.starts_with("dir/Holdfast.toml:1:11: invalid type: string"), "{error}");
        let error = message("args = [");
        assert!(error.starts_with("dir/Holdfast.toml:1:"), "{error}");
        assert!(message("[[directories]]\nhost = \".\"").contains("missing field `guest`"));
        assert!(message("[stdio]\nstdin = \"file\"").contains("unknown variant"));
    }
}
