//! The core functions.

use super::document::Document;
use super::evaluate::{Context, Value, number};
use super::parse::Expression;

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Function { $($variant,)* }

        /// The name, the variant, and how many arguments each takes.
        const FUNCTIONS: &[(&str, Function, usize, usize)] = &[$(($name, Function::$variant, $least, $most),)*];
    };
}

functions! {
    Boolean "boolean" 1 1,
    Ceiling "ceiling" 1 1,
    Concat "concat" 2 64,
    Contains "contains" 2 2,
    Count "count" 1 1,
    False "false" 0 0,
    Floor "floor" 1 1,
    Id "id" 1 1,
    Last "last" 0 0,
    LocalName "local-name" 0 1,
    Name "name" 0 1,
    NormalizeSpace "normalize-space" 0 1,
    Not "not" 1 1,
    Number "number" 0 1,
    Position "position" 0 0,
    Round "round" 1 1,
    StartsWith "starts-with" 2 2,
    StringOf "string" 0 1,
    StringLength "string-length" 0 1,
    Substring "substring" 2 3,
    SubstringAfter "substring-after" 2 2,
    SubstringBefore "substring-before" 2 2,
    Sum "sum" 1 1,
    Translate "translate" 3 3,
    True "true" 0 0,
}

impl Function {
    pub(super) fn named(name: &str, arguments: &[Expression]) -> Result<Self, String> {
        let (_, function, least, most) =
            FUNCTIONS.iter().find(|(n, ..)| *n == name).ok_or_else(|| format!("{name}() is no known function"))?;
        if arguments.len() < *least || arguments.len() > *most {
            return Err(format!("{name}() takes {least} to {most} arguments, not {}", arguments.len()));
        }
        let wants_nodes = matches!(function, Self::Count | Self::Sum | Self::Name | Self::LocalName);
        if wants_nodes && !arguments.iter().all(Expression::gives_nodes) {
            return Err(format!("{name}() takes nodes"));
        }
        Ok(*function)
    }

    pub(super) fn gives_number(self) -> bool {
        matches!(
            self,
            Self::Ceiling
                | Self::Count
                | Self::Floor
                | Self::Last
                | Self::Number
                | Self::Position
                | Self::Round
                | Self::StringLength
                | Self::Sum
        )
    }

    pub(super) fn call(self, context: &Context<'_, '_>, arguments: &[Expression]) -> Value {
        let document = context.document;
        let value =
            |index: usize| arguments.get(index).map_or_else(|| Value::Nodes(vec![context.node]), |argument| context.value(argument));
        let text = |index| value(index).text(document);
        let number_of = |index| value(index).number(document);
        match self {
            Self::Boolean => Value::Boolean(value(0).boolean()),
            Self::Not => Value::Boolean(!value(0).boolean()),
            Self::True => Value::Boolean(true),
            Self::False => Value::Boolean(false),
            Self::Contains => Value::Boolean(text(0).contains(&text(1))),
            Self::StartsWith => Value::Boolean(text(0).starts_with(&text(1))),
            Self::Position => Value::Number(context.position as f64),
            Self::Last => Value::Number(context.size as f64),
            Self::Count => Value::Number(arguments.first().map_or(0, |a| context.nodes(a).len()) as f64),
            Self::Sum => {
                Value::Number(arguments.first().map_or(0.0, |a| context.nodes(a).iter().map(|n| number(&document.text(*n))).sum()))
            }
            Self::Number => Value::Number(number_of(0)),
            Self::Floor => Value::Number(number_of(0).floor()),
            Self::Ceiling => Value::Number(number_of(0).ceil()),
            Self::Round => Value::Number(round(number_of(0))),
            Self::StringLength => Value::Number(text(0).chars().count() as f64),
            Self::StringOf => Value::Text(text(0)),
            Self::Concat => Value::Text((0..arguments.len()).map(text).collect()),
            Self::NormalizeSpace => Value::Text(text(0).split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
            Self::SubstringBefore => Value::Text(text(0).split_once(&text(1)).map_or_else(String::new, |(before, _)| before.to_owned())),
            Self::SubstringAfter => Value::Text(text(0).split_once(&text(1)).map_or_else(String::new, |(_, after)| after.to_owned())),
            Self::Substring => Value::Text(substring(&text(0), number_of(1), (arguments.len() > 2).then(|| number_of(2)))),
            Self::Translate => Value::Text(translate(&text(0), &text(1), &text(2))),
            Self::Name | Self::LocalName => Value::Text(self.name_of(context, arguments)),
            Self::Id => Value::Nodes(with_ids(document, &value(0))),
        }
    }

    fn name_of(self, context: &Context<'_, '_>, arguments: &[Expression]) -> String {
        let node = match arguments.first() {
            None => Some(context.node),
            Some(argument) => context.nodes(argument).first().copied(),
        };
        let name = node.map_or("", |node| context.document.name(node));
        let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
        if self == Self::LocalName { local } else { name }.to_owned()
    }
}

/// Halves go up, towards plus infinity.
fn round(value: f64) -> f64 {
    (value + 0.5).floor()
}

/// The first character has position 1; positions are rounded.
fn substring(text: &str, start: f64, length: Option<f64>) -> String {
    let first = round(start);
    let behind = length.map_or(f64::INFINITY, |length| first + round(length));
    let inside = |position: f64| position >= first && position < behind;
    text.chars().enumerate().filter(|(index, _)| inside(*index as f64 + 1.0)).map(|(_, c)| c).collect()
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let replaced = |c: char| match from.iter().position(|f| *f == c) {
        None => Some(c),
        Some(at) => to.get(at).copied(),
    };
    text.chars().filter_map(replaced).collect()
}

/// Returns the elements whose `id` is one of the words.
fn with_ids(document: &Document<'_>, value: &Value) -> Vec<super::document::NodeId> {
    let texts = match value {
        Value::Nodes(nodes) => nodes.iter().map(|node| document.text(*node)).collect::<Vec<_>>().join(" "),
        other => other.text(document),
    };
    let root = super::document::NodeId::node(0);
    let matches = |node: &super::document::NodeId| {
        document.element(*node).and_then(|e| e.id()).is_some_and(|id| texts.split_ascii_whitespace().any(|word| word == id))
    };
    document.descendants(root).filter(matches).collect()
}
