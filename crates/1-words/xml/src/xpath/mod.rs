//! XPath 1.0 over trees: location paths, predicates, operators and the core functions.
//!
//! An expression is read once ([`XPath::parse`]) and evaluated on any tree. What it does not know (variables,
//! namespaces, other functions) is refused when it is read, never passed over. Nodes are returned as [`Place`]s, ways
//! from the root that stay meaningful when the caller copies or changes the tree.

mod direct;
mod document;
mod evaluate;
mod functions;
mod lexer;
mod parse;

use crate::{Element, Node};
use document::Document;
use evaluate::Value;

/// An expression that was read.
#[derive(Clone, Debug)]
pub struct XPath {
    text: String,
    expression: parse::Expression,
}

/// Why a text is no expression that can be evaluated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("XPath {text:?}, character {at}: {message}")]
pub struct XPathError {
    pub text: String,
    /// Counted from 1.
    pub at: usize,
    pub message: String,
}

/// The result of an expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// In document order, each once.
    Nodes(Vec<Place>),
    Boolean(bool),
    Number(f64),
    Text(String),
}

/// A node of a tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// What holds the root element.
    Document,
    /// An element, comment or text: the positions among children that lead to it, none for the root element.
    Node(Vec<usize>),
    /// An attribute: the way to its element, and its name.
    Attribute(Vec<usize>, compact_str::CompactString),
}

impl XPath {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, XPathError> {
        let expression = parse::parse(text).map_err(|(at, message)| XPathError {
            text: text.to_owned(),
            at: text.get(..at).unwrap_or(text).chars().count() + 1,
            message,
        })?;
        Ok(Self { text: text.to_owned(), expression })
    }

    /// Returns the text the expression was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Evaluates the expression with the whole document as context.
    pub fn evaluate(&self, root: &Element) -> Answer {
        let document = Document::new(root);
        match evaluate::evaluate(&self.expression, &document) {
            Value::Nodes(nodes) => Answer::Nodes(nodes.into_iter().map(|node| document.place(node)).collect()),
            Value::Boolean(value) => Answer::Boolean(value),
            Value::Number(value) => Answer::Number(value),
            Value::Text(value) => Answer::Text(value),
        }
    }

    /// Returns the nodes that the expression selects, in document order; none when it gives something else.
    pub fn select(&self, root: &Element) -> Vec<Place> {
        if let Some(places) = direct::select(&self.expression, root) {
            return places;
        }
        if let Answer::Nodes(places) = self.evaluate(root) { places } else { Vec::new() }
    }

    /// Returns the elements that the expression selects, in document order.
    pub fn select_elements<'a>(&self, root: &'a Element) -> Vec<&'a Element> {
        let document = Document::new(root);
        match evaluate::evaluate(&self.expression, &document) {
            Value::Nodes(nodes) => {
                nodes.into_iter().filter(|node| node.attribute.is_none()).filter_map(|node| document.element(node)).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Place {
    /// Returns the element that this is, or that has this attribute.
    pub fn element<'a>(&self, root: &'a Element) -> Option<&'a Element> {
        match self {
            Place::Document => None,
            Place::Node(path) | Place::Attribute(path, _) => root.at_path(path),
        }
    }

    /// Returns the node, unless it is the document, the root element or an attribute.
    pub fn node<'a>(&self, root: &'a Element) -> Option<&'a Node> {
        let Place::Node(path) = self else { return None };
        let (last, parents) = path.split_last()?;
        root.at_path(parents)?.children.get(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    const CIB: &str = "<cib epoch='3'><!-- note --><configuration>
        <nodes><node id='1' uname='alpha' score='5'/><node id='2' uname='beta'/><node id='3' uname='gamma' score='12'/></nodes>
        <resources>
          <group id='g'><primitive id='a' class='ocf' type='Dummy'/><primitive id='b' class='ocf' type='Stateful'/></group>
          <primitive id='c' class='systemd' type='nginx'><meta_attributes id='m'><nvpair id='n' name='target-role' value='Stopped'/></meta_attributes></primitive>
          <primitive id='d' class='ocf' type='Dummy'><text>some  text</text></primitive>
        </resources></configuration><status/></cib>";

    fn ids(expression: &str) -> String {
        let root = parse(CIB.as_bytes(), &Limits::default()).unwrap();
        let xpath = XPath::parse(expression).unwrap_or_else(|e| panic!("{e}"));
        let shown = |place: &Place| match place {
            Place::Document => "/".to_owned(),
            Place::Attribute(_, name) => format!("@{name}"),
            Place::Node(_) => match place.element(&root) {
                Some(element) => element.id().unwrap_or(&element.name).to_owned(),
                None => match place.node(&root) {
                    Some(Node::Comment(text)) => format!("<!--{text}-->"),
                    Some(Node::Text(text)) => text.to_string(),
                    _ => "?".to_owned(),
                },
            },
        };
        match xpath.evaluate(&root) {
            Answer::Nodes(places) => places.iter().map(shown).collect::<Vec<_>>().join(" "),
            Answer::Boolean(value) => value.to_string(),
            Answer::Number(value) => value.to_string(),
            Answer::Text(value) => format!("{value:?}"),
        }
    }

    #[test]
    fn a_plain_way_leads_to_what_a_look_at_the_whole_document_finds() {
        let root = parse(CIB.as_bytes(), &Limits::default()).unwrap();
        let ways = [
            ("/cib", 1),
            ("/other", 0),
            ("/cib/configuration/resources/primitive", 2),
            ("/cib/configuration/resources/primitive[@class='ocf'][@id='d']", 1),
            ("/cib/configuration/nodes/node[@uname=\"beta\"]", 1),
            ("/cib/configuration/nodes/node[@absent='']", 0),
            ("/cib/configuration/resources/group/primitive[@class='ocf']", 2),
        ];
        for (way, count) in ways {
            let xpath = XPath::parse(way).unwrap();
            let places = direct::select(&xpath.expression, &root).unwrap_or_else(|| panic!("{way} is plain"));
            assert_eq!(places.len(), count, "{way}");
            assert_eq!(Answer::Nodes(places), xpath.evaluate(&root), "{way}");
        }
        for other in
            ["//node", "/cib/configuration/nodes/node[1]", "/cib/*", "/cib/@epoch", "/cib/configuration/nodes/node[@id=1]", "count(/cib)"]
        {
            assert_eq!(direct::select(&XPath::parse(other).unwrap().expression, &root), None, "{other}");
        }
    }

    #[test]
    fn expressions_select_what_libxml2_selects() {
        for (expression, expected) in [
            ("/", "/"),
            ("/cib", "cib"),
            ("/nothing", ""),
            ("//primitive", "a b c d"),
            ("//primitive[@class='ocf']", "a b d"),
            ("//primitive[@class=\"ocf\"][2]", "b"),
            ("(//primitive[@class='ocf'])[3]", "d"),
            ("//primitive[1]", "a c"),
            ("//primitive[last()]", "b d"),
            ("//primitive[position() < 2]", "a c"),
            ("/cib/configuration/resources/*", "g c d"),
            ("//group/primitive/..", "g"),
            ("//group//.", "g a b"),
            ("//@uname", "@uname @uname @uname"),
            ("//node[@score > 5]/@uname", "@uname"),
            ("//node[@score >= 5 and @uname != 'gamma']", "1"),
            ("//node[not(@score)]", "2"),
            ("//node[@uname='alpha' or @uname='beta']", "1 2"),
            ("//node[starts-with(@uname, 'be')] | //group", "2 g"),
            ("//primitive[contains(@type, 'umm')]", "a d"),
            ("//nvpair[@name='target-role' and @value='Stopped']/../..", "c"),
            ("//nvpair/ancestor::primitive", "c"),
            ("//primitive[.//nvpair]", "c"),
            ("//primitive[meta_attributes/nvpair/@value='Stopped']", "c"),
            ("//group/following-sibling::*", "c d"),
            ("//primitive[@id='d']/preceding-sibling::*[1]", "c"),
            ("//primitive[@id='d']/preceding::primitive[1]", "c"),
            ("//primitive[@id='a']/following::primitive", "b c d"),
            ("//comment()", "<!-- note -->"),
            ("//text()", "some  text"),
            ("//*[name()='group']", "g"),
            ("//*[local-name()='group']", "g"),
            ("//*[self::group or self::node]", "1 2 3 g"),
            ("//*[@id][count(*)=2]", "g"),
            ("//resources/child::node()", "g c d"),
            ("//primitive[@id='c']/descendant-or-self::*", "c m n"),
            ("/descendant::node[2]", "2"),
            ("//node[2]/@*", "@id @uname"),
            ("count(//primitive)", "4"),
            ("count(//primitive) - 1 * 2 + 7 mod 4 div 2", "3.5"),
            ("-(-3)", "3"),
            ("sum(//node/@score)", "17"),
            ("string(//node/@uname)", "\"alpha\""),
            ("concat('a', 1, true())", "\"a1true\""),
            ("substring('12345', 2, 3)", "\"234\""),
            ("substring('12345', 1.5, 2.6)", "\"234\""),
            ("substring-before('1999/04','/')", "\"1999\""),
            ("substring-after('1999/04','/')", "\"04\""),
            ("normalize-space(//text)", "\"some text\""),
            ("translate('bar','abc','AB')", "\"BAr\""),
            ("string-length('é✓')", "2"),
            ("boolean(//nothing)", "false"),
            ("//node/@uname = 'beta'", "true"),
            ("//node/@uname != 'beta'", "true"),
            ("//nothing = ''", "false"),
            ("floor(2.6) + ceiling(2.1) + round(2.5)", "8"),
            ("number('x') = number('x')", "false"),
            ("1 div 0", "inf"),
            ("string(1 div 0)", "\"Infinity\""),
            ("string(0.5)", "\"0.5\""),
            ("id('c')", "c"),
            ("//node[@uname='alpha']/@id = //group/../../nodes/node/@id", "true"),
            ("//primitive[@id='a' ] [ 1 ]", "a"),
            ("child::cib/child::status", "status"),
            ("cib/status", "status"),
            ("2 > 1 = true()", "true"),
        ] {
            assert_eq!(ids(expression), expected, "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        for (expression, at, words) in [
            ("", 1, "end"),
            ("//", 3, "end"),
            ("//a[", 5, "end"),
            ("//a[1", 6, "]"),
            ("//a]", 4, "]"),
            ("$x", 1, "variable"),
            ("foo(1)", 1, "foo"),
            ("count()", 1, "count"),
            ("count('x')", 1, "count"),
            ("//a['x", 5, "quote"),
            ("a b", 3, "b"),
            ("nowhere::a", 1, "nowhere"),
            ("//a[#]", 5, "#"),
            ("1 +", 4, "end"),
            ("'a'/b", 4, "/"),
        ] {
            let error = XPath::parse(expression).expect_err(expression);
            assert_eq!(error.at, at, "{error}");
            assert!(error.message.contains(words), "{error}");
        }
        assert!(XPath::parse(&"(".repeat(100_000)).is_err());
        assert!(XPath::parse(&format!("{}a{}", "a[".repeat(5000), "]".repeat(5000))).is_err());
        assert!(XPath::parse(&"-".repeat(100_000)).is_err());
    }
}
