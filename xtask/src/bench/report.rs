//! Tables of figures, and their place in `docs/performance.md`: between two marks, nothing else is touched.

use anyhow::Context;

/// A table in Markdown, in the making.
pub struct Table(String);

impl Table {
    /// Begins a table; the first column is text, the others are numbers.
    pub fn new(titles: &[&str]) -> Self {
        let mut table = Self(String::new());
        table.row(&titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>());
        table.0.push_str(&format!("|---|{}\n", "---:|".repeat(titles.len() - 1)));
        table
    }

    /// Adds a row, and shows it.
    pub fn row(&mut self, cells: &[String]) {
        let line = format!("| {} |", cells.join(" | "));
        println!("{line}");
        self.0.push_str(&line);
        self.0.push('\n');
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// Returns a number with two or three digits that say something.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 20.0 => 0,
        v if v >= 2.0 => 1,
        v if v >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

/// Puts a text between the marks `<!-- NAME -->` and `<!-- end of NAME -->` of the page on performance.
pub fn publish(name: &str, text: &str) -> anyhow::Result<()> {
    let path = crate::root().join("docs/performance.md");
    let page = std::fs::read_to_string(&path)?;
    std::fs::write(&path, replaced(&page, name, text)?)?;
    Ok(())
}

fn replaced(page: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let (first, last) = (format!("<!-- {name} -->"), format!("<!-- end of {name} -->"));
    let start = page.find(&first).with_context(|| format!("docs/performance.md has no {first}"))? + first.len();
    let end = page[start..].find(&last).with_context(|| format!("docs/performance.md has no {last}"))? + start;
    Ok(format!("{}\n{}\n{}", &page[..start], text.trim_end(), &page[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n";
        let new = replaced(page, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n");
        assert_eq!(replaced(&new, "x", "new\n").unwrap(), new);
        assert!(replaced(page, "y", "").is_err());
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0123, 0.456, 3.21, 45.6].map(number), ["0.0123", "0.46", "3.2", "46"]);
    }
}
