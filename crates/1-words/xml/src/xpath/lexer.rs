//! The words of an expression.

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    /// A name, `*` as a name test included.
    Name(String),
    Number(f64),
    Literal(String),
    /// Punctuation and operators, those spelled as words included.
    Symbol(&'static str),
}

/// What is wrong, behind how many bytes.
pub(super) type Fault = (usize, String);

const SYMBOLS: [&str; 22] =
    ["::", "//", "..", "!=", "<=", ">=", "(", ")", "[", "]", ".", "@", ",", "/", "|", "+", "-", "=", "<", ">", "*", "$"];
const WORDS: [&str; 4] = ["and", "or", "div", "mod"];

/// Cuts an expression into words, each with its place.
pub(super) fn words(text: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let mut tokens: Vec<(usize, Token)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let c = rest.chars().next().unwrap_or_default();
        if c.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = next(rest, c, may_end_here(&tokens)).map_err(|message| (at, message))?;
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

/// Returns whether an operator may come next, which is what makes `*` and words like `and` operators.
fn may_end_here(tokens: &[(usize, Token)]) -> bool {
    match tokens.last() {
        None => false,
        Some((_, Token::Symbol(symbol))) => matches!(*symbol, ")" | "]" | "." | ".."),
        Some(_) => true,
    }
}

fn next(rest: &str, c: char, operator_expected: bool) -> Result<(Token, usize), String> {
    if c == '"' || c == '\'' {
        let end = rest[1..].find(c).ok_or_else(|| "the closing quote is missing".to_owned())?;
        return Ok((Token::Literal(rest[1..=end].to_owned()), end + 2));
    }
    let is_number = c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit()));
    if is_number {
        let whole = rest.find(|d: char| !d.is_ascii_digit()).unwrap_or(rest.len());
        let fraction = rest[whole..].strip_prefix('.').map_or(0, |f| 1 + f.find(|d: char| !d.is_ascii_digit()).unwrap_or(f.len()));
        let number = rest[..whole + fraction].trim_end_matches('.').parse().unwrap_or(f64::NAN);
        return Ok((Token::Number(number), whole + fraction));
    }
    if c.is_alphabetic() || c == '_' {
        let mut end = rest.find(|d: char| !(d.is_alphanumeric() || matches!(d, '_' | '-' | '.'))).unwrap_or(rest.len());
        // A prefix belongs to the name, an axis does not.
        if let Some(local) = rest[end..].strip_prefix(':')
            && local.starts_with(|d: char| d.is_alphabetic() || d == '_')
        {
            end += 1 + local.find(|d: char| !(d.is_alphanumeric() || matches!(d, '_' | '-' | '.'))).unwrap_or(local.len());
        }
        let name = &rest[..end];
        return Ok(match WORDS.iter().find(|word| operator_expected && **word == name) {
            Some(word) => (Token::Symbol(word), end),
            None => (Token::Name(name.to_owned()), end),
        });
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(&"$") => Err("variables are not known here".to_owned()),
        Some(&"*") if !operator_expected => Ok((Token::Name("*".to_owned()), 1)),
        Some(symbol) => Ok((Token::Symbol(symbol), symbol.len())),
        None => Err(format!("{c} does not belong here")),
    }
}
