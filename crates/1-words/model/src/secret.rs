//! What must not stand in logs and reports: which parameters are secret by their names, and how values are hidden.
//!
//! The configuration itself, and whoever may read it, is not meant. Values that stand in files of their own (`cibsecret`) are secret
//! whatever the parameter's name is.

/// What stands where a secret value was.
pub const HIDDEN: &str = "****";

/// Parts of names by which the field's agents call their secrets: `passwd`, `login_password`, `snmp_priv_passwd`, `secret_key`, …
pub const SECRET_NAMES: [&str; 10] =
    ["passw", "passphrase", "pwd", "secret", "access_key", "api_key", "apikey", "private_key", "auth_token", "token_value"];

/// A shorter value would hide half of a text, and hardly anything else.
const LENGTH_MIN: usize = 4;

/// Returns whether a parameter of this name is secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Returns a text, which anybody may have written, without these secret values.
pub fn without_values<'a>(text: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let mut values: Vec<&str> = values.into_iter().filter(|value| value.len() >= LENGTH_MIN).collect();
    // The longest first: a shorter one may be a part of it.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(text.to_owned(), |text, value| text.replace(value, HIDDEN))
}

/// Returns a line of a log without the values that stand behind secret names: `name=value`, `name: value`, `name="value"`, and the
/// `value="…"` of an XML element whose `name="…"` is secret.
pub fn without_named(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Whether the element that is being read is that of a secret parameter; it ends with `>`.
    let mut is_of_secret = element_of_secret(rest);
    while let Some(at) = rest.find(['=', ':', '<']) {
        let (before, sign) = (&rest[..at], rest.as_bytes()[at]);
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        if sign == b'<' {
            is_of_secret = element_of_secret(rest);
            continue;
        }
        // A path is no name: "failed to read /etc/passwd: …".
        let name = before.trim_end().rsplit(|c: char| !(c.is_alphanumeric() || "_-./".contains(c))).next().unwrap_or_default();
        let is_hidden = (is_secret(name) && !name.contains('/')) || (is_of_secret && name == "value");
        if is_hidden && let Some((lead, value)) = value(rest, sign) {
            out.push_str(lead);
            out.push_str(HIDDEN);
            rest = &rest[lead.len() + value.len()..];
        }
    }
    out + rest
}

/// Returns what stands before a value (blanks, a quote) and the value itself, where there is one.
fn value(rest: &str, sign: u8) -> Option<(&str, &str)> {
    let lead = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let (blank, text) = rest.split_at(lead);
    // `https://…` and `passwd:x:0` of a table are no pairs; a pair with a colon has a blank behind it.
    if sign == b':' && blank.is_empty() {
        return None;
    }
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (quoted, inner) = text.split_at(quote.map_or(0, char::len_utf8));
    let end = match quote {
        Some(quote) => inner.find(quote).unwrap_or(inner.len()),
        None => inner.find([' ', '\t', '\n', '"', '\'', '<', '>', ';', ',']).unwrap_or(inner.len()),
    };
    (end > 0).then(|| (&rest[..lead + quoted.len()], &inner[..end]))
}

/// Returns whether the attributes up to the end of the element have a secret `name`.
fn element_of_secret(rest: &str) -> bool {
    let element = &rest[..rest.find('>').unwrap_or(rest.len())];
    element.split("name=\"").skip(1).any(|after| is_secret(after.split('"').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_field_s_secrets_are_known() {
        for name in
            ["passwd", "password", "login_passwd", "Admin-Password", "snmp_priv_passwd", "secret_key", "passphrase", "CRM_meta_passwd"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["ip", "login", "pcmk_host_list", "password_", "token", "key"] {
            assert_eq!(is_secret(name), name == "password_", "{name}");
        }
    }

    #[test]
    fn values_behind_secret_names_are_hidden_and_no_others() {
        for (text, expected) in [
            ("passwd=geheim ip=10.0.0.1", "passwd=**** ip=10.0.0.1"),
            ("OCF_RESKEY_login_password='ge heim' x", "OCF_RESKEY_login_password='****' x"),
            ("password: geheim, done", "password: ****, done"),
            (r#"<nvpair id="a" name="passwd" value="geheim"/>"#, r#"<nvpair id="a" name="passwd" value="****"/>"#),
            (r#"<nvpair value="geheim" id="a" name="passwd"/>"#, r#"<nvpair value="****" id="a" name="passwd"/>"#),
            (
                r#"<nvpair name="passwd" value="geheim"/><nvpair name="ip" value="10.0.0.1"/>"#,
                r#"<nvpair name="passwd" value="****"/><nvpair name="ip" value="10.0.0.1"/>"#,
            ),
            ("failed to read /etc/passwd: no such file", "failed to read /etc/passwd: no such file"),
            ("nothing of the kind", "nothing of the kind"),
            ("passwd=", "passwd="),
        ] {
            assert_eq!(without_named(text), expected);
        }
    }

    #[test]
    fn values_are_hidden_wherever_they_stand() {
        assert_eq!(without_values("login with geheim2 and geheim failed", ["geheim", "geheim2"]), "login with **** and **** failed");
        assert_eq!(without_values("on node1", ["on", ""]), "on node1");
    }
}
