//! `corosync.conf` as a tree: sections in braces, `key: value` lines, comments. Reads and writes its form only; what
//! the keys mean is for those who ask.

/// A section: its keys and the sections inside it, each in the file's order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    pub values: Vec<(String, String)>,
    pub blocks: Vec<(String, Block)>,
}

/// What is wrong with the file's form.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ConfigurationError {
    pub line: usize,
    pub problem: &'static str,
}

impl Block {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that has not the form Corosync reads.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        let mut open: Vec<(String, Self)> = vec![(String::new(), Self::default())];
        let mut last = 0;
        for (number, line) in (1..).zip(text.lines()) {
            last = number;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_suffix('{') {
                open.push((name.trim().to_owned(), Self::default()));
            } else if line.starts_with('}') {
                let (name, block) = open.pop().unwrap_or_default();
                let Some((_, parent)) = open.last_mut() else {
                    return Err(ConfigurationError { line: number, problem: "there is no section open that this brace could close" });
                };
                parent.blocks.push((name, block));
            } else if let (Some((key, value)), Some((_, block))) = (line.split_once(':'), open.last_mut()) {
                block.values.push((key.trim().to_owned(), value.trim().to_owned()));
            } else {
                return Err(ConfigurationError { line: number, problem: "neither `key: value`, nor the begin or end of a section" });
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some((_, top)), true) => Ok(top),
            _ => Err(ConfigurationError { line: last, problem: "a section is not closed" }),
        }
    }

    /// Returns the sections of this name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> + use<'a> {
        let name = name.to_owned();
        self.blocks.iter().filter(move |(found, _)| *found == name).map(|(_, block)| block)
    }

    /// Returns the value of a key in the section of this name; of several the last counts.
    pub fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.all(section).filter_map(|block| block.own(key)).last()
    }

    /// Returns the value of a key of this very section; of several the last counts.
    pub fn own(&self, key: &str) -> Option<&str> {
        self.values.iter().rev().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn write(block: &Block, depth: usize, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let indent = "    ".repeat(depth);
            for (key, value) in &block.values {
                writeln!(f, "{indent}{key}: {value}")?;
            }
            for (index, (name, inner)) in block.blocks.iter().enumerate() {
                if index > 0 || !block.values.is_empty() {
                    writeln!(f)?;
                }
                writeln!(f, "{indent}{name} {{")?;
                write(inner, depth + 1, f)?;
                writeln!(f, "{indent}}}")?;
            }
            Ok(())
        }
        write(self, 0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# made by hand\ntotem {\n  version: 2\n  token: 1000\n  interface {\n    linknumber: 0\n  }\n}\n\
        nodelist {\n node {\n  ring0_addr: fd00::1\n  nodeid: 1\n }\n node {\n  nodeid: 2\n }\n}\n";

    #[test]
    fn a_file_is_read_and_written_again() {
        let block = Block::parse(TEXT).unwrap();
        assert_eq!(block.value("totem", "token"), Some("1000"));
        let nodes: Vec<_> = block.all("nodelist").flat_map(|list| list.all("node")).map(|node| node.own("ring0_addr")).collect();
        assert_eq!(nodes, [Some("fd00::1"), None]);
        assert_eq!(Block::parse(&block.to_string()).unwrap(), block);
    }

    #[test]
    fn a_file_of_another_form_is_refused_with_its_line() {
        for (text, line) in [("totem {\n", 1), ("}\n", 1), ("totem {\n}\nnonsense\n", 3)] {
            assert_eq!(Block::parse(text).unwrap_err().line, line, "{text}");
        }
    }
}
