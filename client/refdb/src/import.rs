//! Bundles in and out.

use sha2::{Digest as _, Sha256};

use crate::bundle::{Bundle, SignedBundle};
use crate::change::{find_anchor, find_bundle, find_value};
use crate::{BundleError, Change, Database, DatabaseError, SeenBundle, Status, Validity};

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Which bundle it was.
    pub bundle: SeenBundle,
    /// Whether it had been imported before; nothing was done then.
    pub repeated: bool,
    /// Values that were added or changed.
    pub written: usize,
    /// Values that this database trusts less than the bundle does. They stay so.
    pub kept: usize,
}

impl Database {
    /// Takes over a signed bundle, all of it or nothing. On the disk when this returns.
    ///
    /// A bundle never raises the status of a value: what the owner of the database has deprecated or revoked stays
    /// so. What a bundle does not name any more stays as well, until its validity ends.
    ///
    /// # Errors
    /// [`DatabaseError::Bundle`], with nothing changed; [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn import(&mut self, signed: &[u8], now: i64) -> Result<Imported, DatabaseError> {
        let signed = SignedBundle::parse(signed)?;
        // The anchor is read under the write lock: one that is just being removed vouches for nothing.
        let transaction = self.begin()?;
        let anchor = find_anchor(&transaction, signed.kid())?
            .ok_or_else(|| BundleError::UnknownSigner(signed.kid().to_owned()))?;
        let Bundle { id, version, values, .. } = signed.verify(&anchor)?.valid_at(now)?;
        let digest = Sha256::digest(signed.payload()).to_vec();
        let seen = SeenBundle { signer: anchor.signer, id, version, digest };
        let mut imported = Imported { bundle: seen.clone(), repeated: false, written: 0, kept: 0 };
        if let Some(newest) = find_bundle(&transaction, &seen.signer, &seen.id)?
            && newest.version == seen.version
        {
            imported.repeated = newest == seen;
            return if imported.repeated {
                Ok(imported)
            } else {
                Err(BundleError::Ambiguous(version).into())
            };
        }
        Self::record(&transaction, &Change::SeeBundle(seen), now)?;
        for mut value in values {
            let old = find_value(&transaction, value.kind, &value.value)?;
            if let Some(old) = &old {
                imported.kept += usize::from(old.status > value.status);
                value.status = value.status.max(old.status);
            }
            // A revocation is final, so there is nothing more to say about it.
            let revoked = old.as_ref().is_some_and(|old| old.status == Status::Revoked);
            if !revoked && old.as_ref() != Some(&value) {
                Self::record(&transaction, &Change::PutValue(value), now)?;
                imported.written += 1;
            }
        }
        transaction.commit()?;
        Ok(imported)
    }

    /// A bundle of all values, to be signed. Validities are cut to that of the bundle. A value that is not valid
    /// within it is left out, unless it is revoked.
    ///
    /// # Errors
    /// [`DatabaseError::Validity`], [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn export(&self, id: String, version: u64, validity: Validity) -> Result<Bundle, DatabaseError> {
        validity.validate()?;
        let mut values = self.values()?;
        values.retain_mut(|value| {
            let cut = Validity {
                not_before: value.validity.not_before.max(validity.not_before),
                not_after: value.validity.not_after.min(validity.not_after),
            };
            let overlaps = cut.validate().is_ok();
            value.validity = if overlaps { cut } else { validity };
            overlaps || value.status == Status::Revoked
        });
        values.sort_by_key(|value| value.status);
        Ok(Bundle { id, version, validity, values })
    }
}
