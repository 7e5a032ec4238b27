//! Why a program of the suite does not pass, where that is known.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::target::Target;

/// The reasons, by where they hold and by the program's name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reasons {
    native: BTreeMap<String, String>,
    keep: BTreeMap<String, String>,
    kvm: BTreeMap<String, String>,
    process: BTreeMap<String, String>,
}

impl Reasons {
    /// The reasons that are part of this package.
    ///
    /// # Errors
    /// If the file is not as it should be.
    pub fn ours() -> Result<Self, toml::de::Error> {
        toml::from_str(include_str!("../reasons.toml"))
    }

    /// Why this program does not pass there, if it is known not to.
    #[must_use]
    pub fn of(&self, target: &Target, id: &str) -> Option<&str> {
        let of_target = match target.name() {
            "native" => return self.native.get(id).map(String::as_str),
            "kvm" => &self.kvm,
            _ => &self.process,
        };
        of_target.get(id).or_else(|| self.keep.get(id)).map(String::as_str)
    }

    /// All programs that have a reason anywhere.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        [&self.native, &self.keep, &self.kvm, &self.process]
            .into_iter()
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Backend;

    #[test]
    fn a_reason_holds_where_it_is_listed() {
        let text = "[native]\na = 'n'\n[keep]\nb = 'k'\n[kvm]\nb = 'v'\n";
        let reasons: Reasons = toml::from_str(text).unwrap();
        let (native, kvm, process) = (
            Target::Native("w".into()),
            Target::Keep("h".into(), Backend::Kvm),
            Target::Keep("h".into(), Backend::Process),
        );
        assert_eq!(reasons.of(&native, "a"), Some("n"));
        assert_eq!(reasons.of(&native, "b"), None);
        assert_eq!(reasons.of(&kvm, "b"), Some("v"));
        assert_eq!(reasons.of(&process, "b"), Some("k"));
    }

    #[test]
    fn ours_can_be_read() {
        assert!(Reasons::ours().is_ok());
    }
}
