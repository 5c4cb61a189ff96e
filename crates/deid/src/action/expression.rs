//! The subset of FHIRPath in which conditions and results of [`recode`](super::recode) are written.
//!
//! One value, `$this`, is all that an expression sees. There are numbers (exact decimals), texts, dates (`@1990`, `@1990-01-31`),
//! `true`, `false`, `{}` (nothing); `and or xor not()`, comparisons, `in` and `contains` over `('a' | 'b')`, arithmetic with `div` and `mod`, and the
//! functions of [`FUNCTIONS`]. `$this` takes the type of what it is compared or combined with.
//!
//! Source: FHIRPath Normative Release (ANSI/HL7 NMN R1-2020), clauses 5.6 (string), 5.7 (math), 6 (operations and their precedence).

use std::cmp::Ordering;
use std::fmt;

use regex::Regex;

use super::Refusal;
use super::decimal::Decimal;

/// A parsed expression.
#[derive(Debug)]
pub(super) struct Expression(Node);

/// Why a text is no expression of the subset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    column: usize,
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

/// Every function, for messages.
const FUNCTIONS: [&str; 20] = [
    "abs",
    "ceiling",
    "contains",
    "endsWith",
    "floor",
    "indexOf",
    "length",
    "lower",
    "matches",
    "not",
    "replace",
    "replaceMatches",
    "round",
    "startsWith",
    "substring",
    "toDecimal",
    "toInteger",
    "toString",
    "truncate",
    "upper",
];

/// Nesting that no honest expression reaches, so that parsing and evaluation cannot exhaust the stack.
const DEEPEST: usize = 64;

/// Operators and functions that no honest expression has: they bound the height of the tree.
const LONGEST: usize = 256;

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens, at: 0, end: text.chars().count() + 1, depth: 0, steps: 0 };
        let node = parser.binary(0)?;
        match parser.peek() {
            None => Ok(Expression(node)),
            Some(token) => Err(parser.fault(format!("unexpected {token}"))),
        }
    }

    /// Whether the condition is true for the value.
    pub(super) fn holds(&self, this: &str) -> Result<bool, Refusal> {
        Ok(matches!(self.0.evaluate(this)?, Item::Boolean(true)))
    }

    /// Writes the result for the value; `false` if it is nothing.
    pub(super) fn write(&self, this: &str, out: &mut String) -> Result<bool, Refusal> {
        let item = self.0.evaluate(this)?;
        let Some(text) = item.text() else { return Ok(false) };
        out.push_str(&text);
        Ok(true)
    }
}

#[derive(Debug)]
enum Node {
    This,
    Literal(Item),
    Set(Vec<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Box<Node>, Function, Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Union,
    Add,
    Subtract,
    Join,
    Multiply,
    Divide,
    Quotient,
    Remainder,
}

/// A function; those over a pattern hold it compiled.
#[derive(Debug)]
enum Function {
    Named(&'static str),
    Matches(Regex),
    ReplaceMatches(Regex, String),
}

/// A value of an expression.
#[derive(Clone, PartialEq, Eq)]
enum Item {
    Nothing,
    Boolean(bool),
    Number(Decimal),
    Text(String),
    Date(Moment),
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be patient data.
        f.write_str(match self {
            Item::Nothing => "Nothing",
            Item::Boolean(_) => "Boolean",
            Item::Number(_) => "Number",
            Item::Text(_) => "Text",
            Item::Date(_) => "Date",
        })
    }
}

impl Item {
    fn text(&self) -> Option<String> {
        Some(match self {
            Item::Nothing => return None,
            Item::Boolean(b) => b.to_string(),
            Item::Number(n) => n.to_string(),
            Item::Text(text) => text.clone(),
            Item::Date(moment) => moment.0.clone(),
        })
    }

    fn number(&self) -> Result<Decimal, Refusal> {
        match self {
            Item::Number(n) => Ok(*n),
            Item::Text(text) => Decimal::parse(text),
            _ => Err(Refusal::NotANumber),
        }
    }
}

impl Node {
    fn evaluate(&self, this: &str) -> Result<Item, Refusal> {
        Ok(match self {
            Node::This => Item::Text(this.to_owned()),
            Node::Literal(item) => item.clone(),
            Node::Set(nodes) => match nodes.as_slice() {
                [] => Item::Nothing,
                // More than one value is none where one is asked for.
                [one] => one.evaluate(this)?,
                _ => Item::Nothing,
            },
            Node::Negate(node) => match node.evaluate(this)? {
                Item::Nothing => Item::Nothing,
                item => Item::Number(item.number()?.negate()),
            },
            Node::Binary(operator, left, right) => binary(*operator, left, right, this)?,
            Node::Call(node, function, arguments) => call(node, function, arguments, this)?,
        })
    }

    fn members(&self) -> &[Node] {
        match self {
            Node::Set(nodes) => nodes,
            node => std::slice::from_ref(node),
        }
    }
}

fn binary(operator: Operator, left: &Node, right: &Node, this: &str) -> Result<Item, Refusal> {
    use Operator::*;
    match operator {
        And | Or | Xor => {
            let truth = |node: &Node| {
                node.evaluate(this).map(|item| match item {
                    Item::Boolean(b) => Some(b),
                    _ => None,
                })
            };
            let l = truth(left)?;
            if let (And, Some(false)) | (Or, Some(true)) = (operator, l) {
                return Ok(Item::Boolean(operator == Or));
            }
            let r = truth(right)?;
            // Three-valued logic (6.5).
            Ok(match (operator, l, r) {
                (And, _, Some(false)) => Item::Boolean(false),
                (Or, _, Some(true)) => Item::Boolean(true),
                (And, Some(l), Some(r)) => Item::Boolean(l && r),
                (Or, Some(l), Some(r)) => Item::Boolean(l || r),
                (Xor, Some(l), Some(r)) => Item::Boolean(l != r),
                _ => Item::Nothing,
            })
        }
        In | Contains => {
            let (one, set) = if operator == In { (left, right) } else { (right, left) };
            let one = one.evaluate(this)?;
            for member in set.members() {
                if compare(&one, &member.evaluate(this)?)? == Some(Ordering::Equal) {
                    return Ok(Item::Boolean(true));
                }
            }
            Ok(Item::Boolean(false))
        }
        Union => Ok(Item::Nothing),
        Equal | Different | Less | AtMost | Greater | AtLeast => {
            let ordering = compare(&left.evaluate(this)?, &right.evaluate(this)?)?;
            Ok(ordering.map_or(Item::Nothing, |o| {
                Item::Boolean(match operator {
                    Equal => o.is_eq(),
                    Different => o.is_ne(),
                    Less => o.is_lt(),
                    AtMost => o.is_le(),
                    Greater => o.is_gt(),
                    _ => o.is_ge(),
                })
            }))
        }
        Join => {
            let part = |node: &Node| node.evaluate(this).map(|item| item.text().unwrap_or_default());
            Ok(Item::Text(part(left)? + &part(right)?))
        }
        Add | Subtract | Multiply | Divide | Quotient | Remainder => {
            let (l, r) = (left.evaluate(this)?, right.evaluate(this)?);
            match (operator, &l, &r) {
                (_, Item::Nothing, _) | (_, _, Item::Nothing) => return Ok(Item::Nothing),
                (Add, Item::Text(l), Item::Text(r)) => return Ok(Item::Text(format!("{l}{r}"))),
                _ => {}
            }
            let (l, r) = (l.number()?, r.number()?);
            Ok(match operator {
                Add => l.add(r).map(Some),
                Subtract => l.add(r.negate()).map(Some),
                Multiply => l.multiply(r).map(Some),
                Divide => l.divide(r),
                Quotient => l.quotient(r),
                _ => l.remainder(r),
            }?
            .map_or(Item::Nothing, Item::Number))
        }
    }
}

/// The order of two values; `None` where there is none. A text takes the type of the other side.
fn compare(left: &Item, right: &Item) -> Result<Option<Ordering>, Refusal> {
    Ok(match (left, right) {
        (Item::Nothing, _) | (_, Item::Nothing) => None,
        (Item::Number(_), _) | (_, Item::Number(_)) => Some(left.number()?.compare(right.number()?)?),
        (Item::Date(l), Item::Date(r)) => l.compare(r),
        (Item::Date(l), Item::Text(r)) => l.compare(&Moment::parse(r).ok_or(Refusal::NotADate)?),
        (Item::Text(l), Item::Date(r)) => Moment::parse(l).ok_or(Refusal::NotADate)?.compare(r),
        (Item::Text(l), Item::Text(r)) => Some(l.cmp(r)),
        (Item::Boolean(l), Item::Boolean(r)) => Some(l.cmp(r)),
        (Item::Boolean(b), Item::Text(t)) | (Item::Text(t), Item::Boolean(b)) => {
            (t == if *b { "true" } else { "false" }).then_some(Ordering::Equal)
        }
        _ => None,
    })
}

fn call(node: &Node, function: &Function, arguments: &[Node], this: &str) -> Result<Item, Refusal> {
    let item = node.evaluate(this)?;
    let Some(text) = item.text() else { return Ok(Item::Nothing) };
    let name = match function {
        Function::Matches(pattern) => return Ok(Item::Boolean(pattern.is_match(&text))),
        Function::ReplaceMatches(pattern, with) => {
            return Ok(Item::Text(pattern.replace_all(&text, with.as_str()).into_owned()));
        }
        Function::Named(name) => *name,
    };
    let mut values = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match argument.evaluate(this)? {
            Item::Nothing => return Ok(Item::Nothing),
            value => values.push(value),
        }
    }
    let word = |i: usize| values.get(i).and_then(Item::text).unwrap_or_default();
    let whole = |i: usize| match values.get(i) {
        None => Ok(None),
        Some(value) => value.number()?.whole().map(Some),
    };
    let number = || item.number();
    Ok(match name {
        "startsWith" => Item::Boolean(text.starts_with(&word(0))),
        "endsWith" => Item::Boolean(text.ends_with(&word(0))),
        "contains" => Item::Boolean(text.contains(&word(0))),
        "indexOf" => {
            let at = text.find(&word(0)).map_or(-1, |at| text[..at].chars().count() as i128);
            Item::Number(Decimal::from_whole(at))
        }
        "replace" => Item::Text(text.replace(&word(0), &word(1))),
        "substring" => {
            let (start, length) = (whole(0)?.unwrap_or(0), whole(1)?);
            match usize::try_from(start).ok().filter(|start| *start < text.chars().count()) {
                None => Item::Nothing,
                Some(start) => {
                    let length =
                        length.map_or(usize::MAX, |n| usize::try_from(n.max(0)).unwrap_or(usize::MAX));
                    Item::Text(text.chars().skip(start).take(length).collect())
                }
            }
        }
        "length" => Item::Number(Decimal::from_whole(text.chars().count() as i128)),
        "lower" => Item::Text(text.to_lowercase()),
        "upper" => Item::Text(text.to_uppercase()),
        "toString" => Item::Text(text),
        "toDecimal" => Decimal::parse(&text).map_or(Item::Nothing, Item::Number),
        "toInteger" => match Decimal::parse(&text) {
            Ok(n) if n.scale == 0 => Item::Number(n),
            _ => Item::Nothing,
        },
        "not" => match item {
            Item::Boolean(b) => Item::Boolean(!b),
            _ => Item::Nothing,
        },
        "abs" => {
            let n = number()?;
            Item::Number(if n.mantissa < 0 { n.negate() } else { n })
        }
        "truncate" => Item::Number(Decimal::from_whole(number()?.whole()?)),
        "floor" => Item::Number(number()?.floor()),
        "ceiling" => Item::Number(number()?.negate().floor().negate()),
        "round" => {
            let digits = whole(0)?.unwrap_or(0).clamp(0, i128::from(Decimal::FINEST));
            Item::Number(number()?.round(digits as u32))
        }
        // `parse` lets no other name through.
        _ => Item::Nothing,
    })
}

/// A date or date and time in the form of ISO 8601, to the precision that it is written with.
#[derive(Clone, PartialEq, Eq)]
struct Moment(String);

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
        let lengths: Vec<usize> = date.split('-').map(str::len).collect();
        let plain = date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let known = matches!(lengths.as_slice(), [4] | [4, 2] | [4, 2, 2]);
        let timed = time.is_none_or(|time| {
            lengths.len() == 3 && time.bytes().all(|b| b.is_ascii_digit() || b":.+-Z".contains(&b))
        });
        (plain && known && timed).then(|| Moment(text.to_owned()))
    }

    /// Compares as far as both are written; undecided where one is written further (6.2).
    fn compare(&self, other: &Self) -> Option<Ordering> {
        let (mut left, mut right) = (self.0.split(['-', 'T']).take(3), other.0.split(['-', 'T']).take(3));
        loop {
            match (left.next(), right.next()) {
                (None, None) => break,
                (Some(l), Some(r)) if l == r => {}
                (Some(l), Some(r)) => return Some(l.cmp(r)),
                _ => return None,
            }
        }
        let time = |moment: &Moment| moment.0.split_once('T').map(|(_, time)| time.to_owned());
        (time(self) == time(other)).then_some(Ordering::Equal)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    This,
    Number(String),
    Text(String),
    Date(String),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::This => f.write_str("`$this`"),
            Token::Number(digits) => write!(f, "`{digits}`"),
            Token::Text(_) => f.write_str("text"),
            Token::Date(_) => f.write_str("date"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
        }
    }
}

/// Longest first.
const SIGNS: [&str; 20] =
    [">=", "<=", "!=", "{", "}", "(", ")", ".", ",", "|", "+", "-", "&", "*", "/", ">", "<", "=", "~", "!"];

/// Tokens with their columns.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Fault> {
    let mut tokens = Vec::new();
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(&c) = letters.get(at) {
        let start = at;
        let run = |from: usize, accept: &dyn Fn(char) -> bool| {
            letters[from..].iter().take_while(|c| accept(**c)).count() + from
        };
        let token = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '\'' | '"' => {
                let mut content = String::new();
                at += 1;
                loop {
                    match letters.get(at) {
                        None => {
                            return Err(Fault { column: start + 1, message: "the text does not end".into() });
                        }
                        Some('\\') => {
                            content.push(match letters.get(at + 1) {
                                Some('n') => '\n',
                                Some('r') => '\r',
                                Some('t') => '\t',
                                Some('f') => '\u{c}',
                                Some(c @ ('\'' | '"' | '`' | '\\' | '/')) => *c,
                                // Patterns are written with single backslashes by many.
                                _ => {
                                    at += 1;
                                    content.push('\\');
                                    continue;
                                }
                            });
                            at += 2;
                        }
                        Some(quote) if *quote == c => break,
                        Some(other) => {
                            content.push(*other);
                            at += 1;
                        }
                    }
                }
                at += 1;
                Token::Text(content)
            }
            '@' => {
                at = run(at + 1, &|c| c.is_ascii_digit() || c == '-');
                if letters.get(at) == Some(&'T') {
                    at = run(at + 1, &|c| c.is_ascii_digit() || ":.+-Z".contains(c));
                }
                Token::Date(letters[start + 1..at].iter().collect())
            }
            '$' => {
                at = run(at + 1, &|c| c.is_ascii_alphanumeric());
                if letters[start..at].iter().collect::<String>() != "$this" {
                    return Err(Fault {
                        column: start + 1,
                        message: "only `$this` can be named here".into(),
                    });
                }
                Token::This
            }
            c if c.is_ascii_digit() => {
                at = run(at, &|c| c.is_ascii_digit());
                if letters.get(at) == Some(&'.') && letters.get(at + 1).is_some_and(char::is_ascii_digit) {
                    at = run(at + 1, &|c| c.is_ascii_digit());
                }
                Token::Number(letters[start..at].iter().collect())
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                at = run(at, &|c| c.is_ascii_alphanumeric() || c == '_');
                Token::Word(letters[start..at].iter().collect())
            }
            _ => {
                let sign = SIGNS
                    .into_iter()
                    .find(|sign| sign.chars().enumerate().all(|(i, c)| letters.get(at + i) == Some(&c)));
                let Some(sign) = sign else {
                    return Err(Fault { column: start + 1, message: format!("unexpected `{c}`") });
                };
                at += sign.len();
                Token::Sign(sign)
            }
        };
        tokens.push((token, start + 1));
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    end: usize,
    depth: usize,
    steps: usize,
}

/// Operators by precedence, loosest first (6.8). `|` binds tighter than comparisons and looser than `+`.
const LEVELS: [&[(&str, Operator)]; 8] = [
    &[("or", Operator::Or), ("xor", Operator::Xor)],
    &[("and", Operator::And)],
    &[("in", Operator::In), ("contains", Operator::Contains)],
    &[("=", Operator::Equal), ("!=", Operator::Different)],
    &[("<=", Operator::AtMost), (">=", Operator::AtLeast), ("<", Operator::Less), (">", Operator::Greater)],
    &[("|", Operator::Union)],
    &[("+", Operator::Add), ("-", Operator::Subtract), ("&", Operator::Join)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("div", Operator::Quotient),
        ("mod", Operator::Remainder),
    ],
];

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        let column = self.tokens.get(self.at).map_or(self.end, |(_, column)| *column);
        Fault { column, message: message.into() }
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.take(sign) { Ok(()) } else { Err(self.fault(format!("`{sign}` is missing"))) }
    }

    fn operator(&mut self, level: usize) -> Option<Operator> {
        let name = match self.peek()? {
            Token::Word(word) => word.as_str(),
            Token::Sign(sign) => sign,
            _ => return None,
        };
        let operator = LEVELS[level].iter().find(|(n, _)| *n == name)?.1;
        self.at += 1;
        Some(operator)
    }

    fn binary(&mut self, level: usize) -> Result<Node, Fault> {
        if level == LEVELS.len() {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            let right = self.binary(level + 1)?;
            left = if operator == Operator::Union {
                let mut nodes = match left {
                    Node::Set(nodes) => nodes,
                    node => vec![node],
                };
                nodes.push(right);
                Node::Set(nodes)
            } else {
                self.count()?;
                Node::Binary(operator, Box::new(left), Box::new(right))
            };
        }
        Ok(left)
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.steps += 1;
        if self.steps > LONGEST { Err(self.fault("too many operators and functions")) } else { Ok(()) }
    }

    fn unary(&mut self) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fault("nested too deep"));
        }
        let node = if self.take("-") {
            Node::Negate(Box::new(self.unary()?))
        } else if self.take("+") {
            self.unary()?
        } else {
            self.invocation()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn invocation(&mut self) -> Result<Node, Fault> {
        let mut node = self.term()?;
        while self.take(".") {
            self.count()?;
            node = self.function(node)?;
        }
        Ok(node)
    }

    fn term(&mut self) -> Result<Node, Fault> {
        let Some(token) = self.peek().cloned() else { return Err(self.fault("a value is missing")) };
        let node = match token {
            Token::This => Node::This,
            Token::Number(digits) => match Decimal::parse(&digits) {
                Ok(number) => Node::Literal(Item::Number(number)),
                Err(_) => return Err(self.fault("a number of at most 18 digits and 18 decimals is expected")),
            },
            Token::Text(text) => Node::Literal(Item::Text(text)),
            Token::Date(date) => match Moment::parse(&date) {
                Some(moment) => Node::Literal(Item::Date(moment)),
                None => return Err(self.fault("a date is written as @2020, @2020-01 or @2020-01-31")),
            },
            Token::Sign("(") => {
                self.at += 1;
                let node = self.binary(0)?;
                self.expect(")")?;
                return Ok(node);
            }
            Token::Sign("{") => {
                self.at += 1;
                self.expect("}")?;
                return Ok(Node::Literal(Item::Nothing));
            }
            Token::Word(word) => match word.as_str() {
                "true" => Node::Literal(Item::Boolean(true)),
                "false" => Node::Literal(Item::Boolean(false)),
                _ if self.tokens.get(self.at + 1).is_some_and(|(t, _)| *t == Token::Sign("(")) => {
                    return self.function(Node::This);
                }
                _ => {
                    let message = format!("`{word}` cannot be named here: a condition sees only `$this`");
                    return Err(self.fault(message));
                }
            },
            other => return Err(self.fault(format!("unexpected {other}"))),
        };
        self.at += 1;
        Ok(node)
    }

    fn function(&mut self, on: Node) -> Result<Node, Fault> {
        let Some(Token::Word(word)) = self.peek().cloned() else {
            return Err(self.fault("the name of a function is missing"));
        };
        let Some(name) = FUNCTIONS.into_iter().find(|name| *name == word) else {
            return Err(self.fault(format!("unknown function `{word}`; there are {}", FUNCTIONS.join(", "))));
        };
        let named = self.at;
        self.at += 1;
        self.expect("(")?;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.binary(0)?);
                if !self.take(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let (fewest, most) = match name {
            "startsWith" | "endsWith" | "contains" | "indexOf" | "matches" => (1, 1),
            "replace" | "replaceMatches" => (2, 2),
            "substring" => (1, 2),
            "round" => (0, 1),
            _ => (0, 0),
        };
        let fault = |message: String| {
            let column = self.tokens.get(named).map_or(self.end, |(_, column)| *column);
            Fault { column, message }
        };
        if !(fewest..=most).contains(&arguments.len()) {
            return Err(fault(format!("`{name}` takes {most} arguments")));
        }
        let literal = |i: usize| match arguments.get(i) {
            Some(Node::Literal(Item::Text(text))) => Ok(text.clone()),
            _ => Err(fault(format!("`{name}` takes texts written in quotes"))),
        };
        let compiled = |text: String| {
            Regex::new(&bytes_classes(&text))
                .map_err(|_| fault(format!("the pattern of `{name}` cannot be read")))
        };
        let function = match name {
            "matches" => Function::Matches(compiled(literal(0)?)?),
            "replaceMatches" => Function::ReplaceMatches(compiled(literal(0)?)?, literal(1)?),
            name => Function::Named(name),
        };
        Ok(Node::Call(Box::new(on), function, arguments))
    }
}

/// Writes out the classes that the engine has without Unicode tables only; identifiers and dates are ASCII.
fn bytes_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut letters = pattern.chars();
    let mut in_class = false;
    while let Some(c) = letters.next() {
        match c {
            '\\' => {
                let class = |inner: &'static str, in_class: bool| {
                    if in_class { inner.to_owned() } else { format!("[{inner}]") }
                };
                match letters.next() {
                    Some('d') => out.push_str(&class("0-9", in_class)),
                    Some('w') => out.push_str(&class("0-9A-Za-z_", in_class)),
                    Some('s') => out.push_str(&class(r" \t\r\n\x0C", in_class)),
                    Some('D') if !in_class => out.push_str("[^0-9]"),
                    Some('W') if !in_class => out.push_str("[^0-9A-Za-z_]"),
                    Some('S') if !in_class => out.push_str(r"[^ \t\r\n\x0C]"),
                    Some('b') if !in_class => out.push_str(r"(?-u:\b)"),
                    Some(other) => out.extend(['\\', other]),
                    None => out.push('\\'),
                }
            }
            '[' => {
                in_class = true;
                out.push(c);
            }
            ']' => {
                in_class = false;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expression: &str, this: &str) -> Result<Option<String>, Refusal> {
        let mut out = String::new();
        let some = Expression::parse(expression)
            .unwrap_or_else(|e| panic!("{expression}: {e}"))
            .write(this, &mut out)?;
        Ok(some.then_some(out))
    }

    #[test]
    fn results_are_those_of_fhirpath() {
        for (expression, this, expected) in [
            ("($this div 10)*10", "18", Some("10")),
            ("($this div 10)*10", "-18", Some("-10")),
            ("$this / 4", "1", Some("0.25")),
            ("$this / 3", "2", Some("0.66666667")),
            ("$this / 0", "2", None),
            ("$this mod 7", "18.5", Some("4.5")),
            ("$this * 0.1", "0.30", Some("0.030")),
            ("1 + 2 * 3", "", Some("7")),
            ("-$this.abs()", "-2", Some("-2")),
            ("($this).round(1)", "2.25", Some("2.3")),
            ("$this.round()", "-2.5", Some("-3")),
            ("$this.floor()", "-2.5", Some("-3")),
            ("$this.ceiling()", "-2.5", Some("-2")),
            ("$this.truncate()", "-2.5", Some("-2")),
            ("$this.substring(0,2)+'****'", "1230005", Some("12****")),
            ("$this.substring(9)", "123", None),
            ("$this.substring(1)", "甲乙丙", Some("乙丙")),
            ("$this.length()", "甲乙", Some("2")),
            ("$this.upper() & '-' & 5", "ab", Some("AB-5")),
            ("@1990", "x", Some("1990")),
            ("'it\\'s'", "x", Some("it's")),
            ("{}", "x", None),
            ("$this.toInteger() + 1", "41", Some("42")),
            ("$this.toInteger() + 1", "41.5", None),
            ("$this in ('en-AU' | 'en-CA' | 'en-GB')", "en-CA", Some("true")),
            ("$this in ('en-AU' | 'en-CA')", "en", Some("false")),
            ("$this.startsWith('123') or $this.startsWith('234')", "2340", Some("true")),
            ("$this >= @1990-01-01 and $this <= @2000-01-01", "1995-06-07", Some("true")),
            ("$this >= @1990-01-01", "1989-12-31T10:00:00Z", Some("false")),
            ("$this >= @1990-01-01", "1990", None),
            ("$this = 1.0", "1", Some("true")),
            ("$this > 9 and $this != 11", "10", Some("true")),
            ("($this = 'a').not()", "b", Some("true")),
            ("1 < 2 and 2 < 1 or true", "", Some("true")),
            ("{} or true", "", Some("true")),
            ("{} and true", "", None),
            (
                r"$this.replaceMatches('(?<year>\\d{2,4})-(?<month>\\d{1,2})-(?<day>\\d{1,2})\\b', '${year}-${month}')",
                "2016-01-31",
                Some("2016-01"),
            ),
            (r"$this.matches('^[\\d-]+$')", "2016-01", Some("true")),
            (r"$this.matches('^\w+$')", "ab c", Some("false")),
        ] {
            assert_eq!(value(expression, this), Ok(expected.map(str::to_owned)), "{expression} on {this}");
        }
    }

    #[test]
    fn values_of_another_type_are_refused() {
        assert_eq!(value("$this > 5", "five"), Err(Refusal::NotANumber));
        assert_eq!(value("$this > @2020", "spring"), Err(Refusal::NotADate));
        assert_eq!(value("$this * $this * $this", "999999999999999999"), Err(Refusal::NumberOverflow));
    }

    #[test]
    fn faults_tell_the_column() {
        for (expression, fault) in [
            ("", "column 1: a value is missing"),
            ("$this >= ", "column 10: a value is missing"),
            ("$that = 1", "column 1: only `$this` can be named here"),
            ("value > 1", "column 1: `value` cannot be named here: a condition sees only `$this`"),
            ("($this = 1", "column 11: `)` is missing"),
            ("'open", "column 1: the text does not end"),
            ("$this = 1 1", "column 11: unexpected `1`"),
            ("@2010-1-1", "column 1: a date is written as @2020, @2020-01 or @2020-01-31"),
            ("$this.matches('(')", "column 7: the pattern of `matches` cannot be read"),
            ("$this.substring()", "column 7: `substring` takes 2 arguments"),
            ("$this # 1", "column 7: unexpected `#`"),
        ] {
            assert_eq!(Expression::parse(expression).unwrap_err().to_string(), fault, "{expression}");
        }
        assert!(Expression::parse("$this.now()").unwrap_err().to_string().contains("unknown function `now`"));
        assert!(Expression::parse(&"(".repeat(100_000)).unwrap_err().to_string().contains("too deep"));
        assert!(Expression::parse(&"1+".repeat(100_000)).unwrap_err().to_string().contains("too many"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_and_no_value_makes_it_panic(text in "[$@'()|.,0-9a-z<>=+*/ -]{0,40}", this in ".{0,12}") {
            if let Ok(expression) = Expression::parse(&text) {
                let _ = expression.holds(&this);
            }
        }

        #[test]
        fn arithmetic_on_whole_numbers_is_that_of_integers(a in -1_000_000i64..1_000_000, b in -1000i64..1000) {
            let pair = |operator: &str| value(&format!("$this {operator} ({b})"), &a.to_string()).unwrap();
            proptest::prop_assert_eq!(pair("+"), Some((a + b).to_string()));
            proptest::prop_assert_eq!(pair("*"), Some((a * b).to_string()));
            proptest::prop_assert_eq!(pair("div"), a.checked_div(b).map(|n| n.to_string()));
            proptest::prop_assert_eq!(pair("mod"), a.checked_rem(b).map(|n| n.to_string()));
        }
    }
}
