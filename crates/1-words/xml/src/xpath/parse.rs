//! Expressions as trees.

use super::functions::Function;
use super::lexer::{Fault, Token, words};

#[derive(Clone, Debug)]
pub(super) enum Expression {
    Number(f64),
    Literal(String),
    Negated(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(Function, Vec<Expression>),
    /// Steps from the document, from the context node, or from what another expression gives.
    Path(Start, Vec<Step>),
    /// An expression with predicates of its own, as `(//a)[1]`.
    Filtered(Box<Expression>, Vec<Expression>),
}

#[derive(Clone, Debug)]
pub(super) enum Start {
    Document,
    Context,
    Expression(Box<Expression>),
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub axis: Axis,
    pub test: NodeTest,
    pub predicates: Vec<Expression>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Parent,
    Preceding,
    PrecedingSibling,
    Myself,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NodeTest {
    /// Elements, or attributes on their axis, of this name.
    Name(String),
    /// All elements, or attributes on their axis.
    Any,
    Node,
    Text,
    Comment,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Union,
}

/// How deep expressions may nest, so that a hostile one cannot exhaust the stack.
const DEPTH_MAX: usize = 64;

/// From the loosest to the tightest.
const LEVELS: [&[(&str, Operator)]; 7] = [
    &[("or", Operator::Or)],
    &[("and", Operator::And)],
    &[("=", Operator::Equal), ("!=", Operator::NotEqual)],
    &[("<=", Operator::LessOrEqual), (">=", Operator::GreaterOrEqual), ("<", Operator::Less), (">", Operator::Greater)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("div", Operator::Divide), ("mod", Operator::Remainder)],
    &[("|", Operator::Union)],
];
const UNION: usize = 6;

pub(super) fn parse(text: &str) -> Result<Expression, Fault> {
    let mut parser = Parser { tokens: words(text)?, next: 0, end: text.len(), depth: 0 };
    let expression = parser.binary(0)?;
    match parser.tokens.get(parser.next) {
        None => Ok(expression),
        Some((at, token)) => Err((*at, format!("{} does not belong here", shown(token)))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Name(name) => name.clone(),
        Token::Number(number) => number.to_string(),
        Token::Literal(text) => format!("{text:?}"),
        Token::Symbol(symbol) => (*symbol).to_owned(),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.next + ahead).map(|(_, token)| token)
    }

    fn is_next(&self, symbol: &str) -> bool {
        matches!(self.peek(0), Some(Token::Symbol(s)) if *s == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is_next(symbol);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("{symbol} is expected"))) }
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = self.peek(0).map_or_else(|| "the end".to_owned(), shown);
        (self.at(), format!("{wanted}, not {found}"))
    }

    fn binary(&mut self, level: usize) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX * LEVELS.len() {
            return Err((self.at(), "the expression is nested too deeply".to_owned()));
        }
        let result = self.binary_inside(level);
        self.depth -= 1;
        result
    }

    fn binary_inside(&mut self, level: usize) -> Result<Expression, Fault> {
        let tighter = |parser: &mut Self| match level {
            UNION => parser.path(),
            _ if level + 1 == UNION => parser.negation(),
            _ => parser.binary(level + 1),
        };
        let mut left = tighter(self)?;
        while let Some((_, operator)) = LEVELS[level].iter().find(|(symbol, _)| self.is_next(symbol)) {
            self.next += 1;
            let right = tighter(self)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression, Fault> {
        let mut count = 0;
        while self.take("-") {
            count += 1;
            if count > DEPTH_MAX {
                return Err((self.at(), "the expression is nested too deeply".to_owned()));
            }
        }
        let mut expression = self.binary(UNION)?;
        for _ in 0..count {
            expression = Expression::Negated(Box::new(expression));
        }
        Ok(expression)
    }

    fn path(&mut self) -> Result<Expression, Fault> {
        if let Some(primary) = self.primary()? {
            let predicates = self.predicates()?;
            let filtered = if predicates.is_empty() { primary } else { Expression::Filtered(Box::new(primary), predicates) };
            let gives_nodes = filtered.gives_nodes();
            if (self.is_next("/") || self.is_next("//")) && !gives_nodes {
                return Err(self.unexpected("what stands before / must be nodes"));
            }
            let mut steps = Vec::new();
            self.more_steps(&mut steps)?;
            return Ok(if steps.is_empty() { filtered } else { Expression::Path(Start::Expression(Box::new(filtered)), steps) });
        }
        let mut steps = Vec::new();
        let start = if self.take("/") {
            if !self.starts_step() {
                return Ok(Expression::Path(Start::Document, steps));
            }
            Start::Document
        } else if self.take("//") {
            steps.push(Step::anywhere());
            Start::Document
        } else {
            Start::Context
        };
        steps.push(self.step()?);
        self.more_steps(&mut steps)?;
        Ok(Expression::Path(start, steps))
    }

    fn more_steps(&mut self, steps: &mut Vec<Step>) -> Result<(), Fault> {
        loop {
            if self.take("//") {
                steps.push(Step::anywhere());
            } else if !self.take("/") {
                return Ok(());
            }
            steps.push(self.step()?);
        }
    }

    fn starts_step(&self) -> bool {
        matches!(self.peek(0), Some(Token::Name(_)) | Some(Token::Symbol("." | ".." | "@")))
    }

    /// Reads a number, text, call or parenthesis; `None` when a step comes instead.
    fn primary(&mut self) -> Result<Option<Expression>, Fault> {
        let at = self.at();
        match (self.peek(0).cloned(), self.peek(1)) {
            (Some(Token::Number(number)), _) => {
                self.next += 1;
                Ok(Some(Expression::Number(number)))
            }
            (Some(Token::Literal(text)), _) => {
                self.next += 1;
                Ok(Some(Expression::Literal(text)))
            }
            (Some(Token::Symbol("(")), _) => {
                self.next += 1;
                let inner = self.binary(0)?;
                self.expect(")")?;
                Ok(Some(inner))
            }
            (Some(Token::Name(name)), Some(Token::Symbol("(")))
                if !matches!(name.as_str(), "node" | "text" | "comment" | "processing-instruction") =>
            {
                self.next += 2;
                let mut arguments = Vec::new();
                while !self.is_next(")") {
                    arguments.push(self.binary(0)?);
                    if !self.is_next(")") {
                        self.expect(",")?;
                    }
                }
                self.expect(")")?;
                let function = Function::named(&name, &arguments).map_err(|message| (at, message))?;
                Ok(Some(Expression::Call(function, arguments)))
            }
            _ => Ok(None),
        }
    }

    fn step(&mut self) -> Result<Step, Fault> {
        if self.take(".") {
            return Ok(Step { axis: Axis::Myself, test: NodeTest::Node, predicates: self.predicates()? });
        }
        if self.take("..") {
            return Ok(Step { axis: Axis::Parent, test: NodeTest::Node, predicates: self.predicates()? });
        }
        let axis = if self.take("@") {
            Axis::Attribute
        } else if let (Some(Token::Name(name)), Some(Token::Symbol("::"))) = (self.peek(0), self.peek(1)) {
            let axis = Axis::named(name).ok_or_else(|| (self.at(), format!("{name} is no axis")))?;
            self.next += 2;
            axis
        } else {
            Axis::Child
        };
        let Some(Token::Name(name)) = self.peek(0).cloned() else { return Err(self.unexpected("a name is expected")) };
        let at = self.at();
        self.next += 1;
        let test = if self.take("(") {
            self.expect(")")?;
            match name.as_str() {
                "node" => NodeTest::Node,
                "text" => NodeTest::Text,
                "comment" => NodeTest::Comment,
                _ => return Err((at, format!("{name}() selects no nodes here"))),
            }
        } else if name == "*" {
            NodeTest::Any
        } else {
            NodeTest::Name(name)
        };
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn predicates(&mut self) -> Result<Vec<Expression>, Fault> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.binary(0)?);
            self.expect("]")?;
        }
        Ok(predicates)
    }
}

impl Step {
    /// What `//` stands for.
    fn anywhere() -> Self {
        Self { axis: Axis::DescendantOrSelf, test: NodeTest::Node, predicates: Vec::new() }
    }
}

impl Axis {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ancestor" => Self::Ancestor,
            "ancestor-or-self" => Self::AncestorOrSelf,
            "attribute" => Self::Attribute,
            "child" => Self::Child,
            "descendant" => Self::Descendant,
            "descendant-or-self" => Self::DescendantOrSelf,
            "following" => Self::Following,
            "following-sibling" => Self::FollowingSibling,
            "parent" => Self::Parent,
            "preceding" => Self::Preceding,
            "preceding-sibling" => Self::PrecedingSibling,
            "self" => Self::Myself,
            _ => return None,
        })
    }
}

impl Expression {
    /// Returns whether the result is a set of nodes.
    pub(super) fn gives_nodes(&self) -> bool {
        match self {
            Expression::Path(..) | Expression::Binary(Operator::Union, ..) | Expression::Call(Function::Id, _) => true,
            Expression::Filtered(inner, _) => inner.gives_nodes(),
            _ => false,
        }
    }

    /// Returns whether, as a predicate, the result depends on where a node stands among the others.
    pub(super) fn depends_on_position(&self) -> bool {
        let is_number = matches!(self, Expression::Number(_) | Expression::Negated(_))
            || matches!(self, Expression::Binary(operator, ..) if matches!(operator, Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder))
            || matches!(self, Expression::Call(function, _) if function.gives_number());
        is_number || self.mentions_position()
    }

    fn mentions_position(&self) -> bool {
        match self {
            Expression::Number(_) | Expression::Literal(_) => false,
            Expression::Negated(inner) => inner.mentions_position(),
            Expression::Binary(_, left, right) => left.mentions_position() || right.mentions_position(),
            Expression::Call(function, arguments) => {
                matches!(function, Function::Position | Function::Last) || arguments.iter().any(Self::mentions_position)
            }
            // Predicates inside have positions of their own.
            Expression::Path(Start::Expression(inner), _) | Expression::Filtered(inner, _) => inner.mentions_position(),
            Expression::Path(..) => false,
        }
    }
}
