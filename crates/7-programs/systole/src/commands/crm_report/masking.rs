//! Values that must not leave the cluster: those of parameters whose names are secret or match an expression.

use admin::{Exit, Refusal};
use model::secret::{HIDDEN, SECRET_NAMES};
use regex::Regex;

/// Finds the values to mask.
#[derive(Clone, Debug)]
pub struct Mask {
    /// `name="…" … value="…"`, `value="…" … name="…"` in one element, `NAME=…` and `NAME: …`.
    patterns: Vec<Regex>,
}

impl Mask {
    /// Masks parameters whose names are secret or match one of these expressions.
    pub fn new(names: &[String]) -> Result<Self, Refusal> {
        let mut patterns = Vec::new();
        for name in SECRET_NAMES.into_iter().chain(names.iter().map(String::as_str)) {
            // Within a name; `.` must not lead over its end.
            let name = format!("(?:{})", name.replace('.', "[^\"'=:;,\\s<>]"));
            for pattern in [
                format!(r#"(<[^<>]*\bname="[^"]*{name}[^"]*"[^<>]*\bvalue=")([^"]*)(")"#),
                format!(r#"(<[^<>]*\bvalue=")([^"]*)("[^<>]*\bname="[^"]*{name}[^"]*")"#),
                format!(r#"(\b[\w.-]*{name}[\w.-]*\s*[=:]\s*)([^\s"'<>;,]+)()"#),
            ] {
                let compiled = Regex::new(&pattern).map_err(|error| Refusal::new(Exit::USAGE, format!("{name}: {error}")))?;
                patterns.push(compiled);
            }
        }
        Ok(Self { patterns })
    }

    /// Returns the text with the values masked.
    pub fn apply(&self, text: &str) -> String {
        self.patterns.iter().fold(text.to_owned(), |text, pattern| pattern.replace_all(&text, format!("${{1}}{HIDDEN}${{3}}")).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_parameters_are_masked_and_no_others() {
        let mask = Mask::new(&["user.*".to_owned()]).unwrap();
        for (text, expected) in [
            (r#"<nvpair id="a" name="passwd" value="geheim"/>"#, r#"<nvpair id="a" name="passwd" value="****"/>"#),
            (r#"<nvpair value="geheim" id="a" name="admin_password"/>"#, r#"<nvpair value="****" id="a" name="admin_password"/>"#),
            (
                r#"<nvpair name="ip" value="10.0.0.1"/><nvpair name="x" value="y"/>"#,
                r#"<nvpair name="ip" value="10.0.0.1"/><nvpair name="x" value="y"/>"#,
            ),
            ("calls with username=me ip=1", "calls with username=**** ip=1"),
            ("password: geheim\n", "password: ****\n"),
        ] {
            assert_eq!(mask.apply(text), expected);
        }
        assert!(Mask::new(&["(".to_owned()]).is_err());
    }
}
