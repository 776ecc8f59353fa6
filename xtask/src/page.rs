//! Pages that commands write into: what stands between two marks is a command's, all else is people's.

use anyhow::Context;

/// Puts a text between the marks of this name on a page.
pub fn record(page: &str, name: &str, text: &str) -> anyhow::Result<()> {
    let path = crate::root().join(page);
    let before = std::fs::read_to_string(&path).with_context(|| format!("failed to read {page}"))?;
    let after = with(&before, name, text).with_context(|| format!("{page} has no marks <!-- {name} --> and <!-- end of {name} -->"))?;
    std::fs::write(&path, after).with_context(|| format!("failed to write {page}"))
}

/// Returns the page with the text between the marks; `None` when they are not there.
fn with(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_replaces_the_one_before_and_nothing_else() {
        let page = "above\n<!-- x -->\nold\n<!-- end of x -->\nbelow\n";
        assert_eq!(with(page, "x", "| new |\n").unwrap(), "above\n<!-- x -->\n| new |\n<!-- end of x -->\nbelow\n");
        assert_eq!(with("nothing", "x", "y"), None);
    }
}
