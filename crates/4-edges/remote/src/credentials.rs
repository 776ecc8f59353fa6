//! By what hosts know each other: certificates, where the environment names them, and else the key that remote nodes share.

use crate::gnutls::Proof;
use std::path::{Path, PathBuf};

/// The files by which a host proves who it is and judges others, in PEM. They are read anew for each connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Certificates {
    /// Whose word on others is taken.
    pub authorities: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Who is not to be believed any more.
    pub revoked: Option<PathBuf>,
}

impl Certificates {
    /// Returns the files below `root` that the environment names; `None` where it does not name all that are needed.
    pub fn from_environment(root: &Path) -> Option<Self> {
        Self::named(root, |name| std::env::var(name).ok())
    }

    /// Compat: daemons are told by variables that begin with `PCMK_`, tools by `CIB_`; both look at both, each file by itself.
    fn named(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let file = |name: &str| {
            let named = ["PCMK", "CIB"].iter().find_map(|whose| variable(&format!("{whose}_{name}_file")).filter(|path| !path.is_empty()));
            named.map(|path| root.join(path.trim_start_matches('/')))
        };
        Some(Self { authorities: file("ca")?, certificate: file("cert")?, key: file("key")?, revoked: file("crl") })
    }
}

/// What members and remote nodes prove themselves with to each other.
pub(crate) enum NodeCredentials {
    Certificates(Certificates),
    Key(Vec<u8>),
}

impl NodeCredentials {
    /// Returns those of the host below `root`.
    ///
    /// # Errors
    /// There are no certificates, and there is no key.
    pub fn read(root: &Path) -> Result<Self, String> {
        match Certificates::from_environment(root) {
            Some(certificates) => Ok(Self::Certificates(certificates)),
            None => crate::read_key(root).map(Self::Key).map_err(|error| error.to_string()),
        }
    }

    pub fn proof(&self) -> Proof<'_> {
        match self {
            Self::Certificates(certificates) => Proof::Certificates(certificates),
            Self::Key(key) => Proof::Key(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(variables: &[(&str, &str)]) -> Option<Certificates> {
        let of = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Certificates::named(Path::new("/host"), of)
    }

    #[test]
    fn certificates_count_where_all_that_is_needed_is_named() {
        let daemon = [("PCMK_ca_file", "/ca"), ("PCMK_cert_file", "/cert"), ("PCMK_key_file", "/key")];
        let found = named(&daemon).unwrap();
        assert_eq!((found.authorities, found.revoked), ("/host/ca".into(), None));
        assert_eq!(named(&daemon[..2]), None);
        let mixed = [
            ("CIB_ca_file", "/ca"),
            ("CIB_cert_file", "/tool"),
            ("PCMK_cert_file", ""),
            ("CIB_key_file", "/key"),
            ("CIB_crl_file", "/crl"),
        ];
        let found = named(&mixed).unwrap();
        assert_eq!((found.certificate, found.revoked), ("/host/tool".into(), Some("/host/crl".into())));
    }
}
