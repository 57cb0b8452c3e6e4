//! `--where`: a small language over the columns of `samples` (`docs/query.md` has its grammar).
//!
//! Comparisons with null are null, and a row stays only where the whole is true, as in SQL.

use std::fmt;

use polars::prelude::*;

use crate::time::Timestamp;

/// How deep parentheses and `not` may nest.
const MAX_DEPTH: u32 = 100;

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("position {at}: {reason}")]
pub struct WhereError {
    /// Character, counted from 1.
    pub at: usize,
    /// What is wrong there.
    pub reason: String,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Field, Comparison, Literal),
    In(Field, Vec<Literal>),
    IsNull(Field),
}

/// A column or `struct.field`, and where it stands.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: String,
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
struct Literal {
    value: Value,
    at: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A column or a word of the language, as written.
    Word(String),
    Value(Value),
    Comparison(Comparison),
    Open,
    Close,
    Comma,
}

impl Filter {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// Where the text is none, with the position of the first thing that does not fit.
    pub fn parse(text: &str) -> Result<Filter, WhereError> {
        let tokens = tokens(text)?;
        let end = text.chars().count() + 1;
        let mut parser = Parser { tokens, next: 0, end, depth: 0 };
        let root = parser.any()?;
        match parser.tokens.get(parser.next) {
            None => Ok(Filter { root }),
            Some((at, _)) => Err(WhereError { at: *at, reason: "expected `and`, `or` or the end".to_string() }),
        }
    }

    /// For each row of `samples`, whether the expression holds; never null.
    ///
    /// # Errors
    ///
    /// Where it names a column that is not there, or compares one to a literal of another type.
    pub fn mask(&self, samples: &DataFrame) -> Result<BooleanChunked, WhereError> {
        let mask = evaluate(&self.root, samples)?;
        Ok(mask.iter().map(|hold| hold == Some(true)).collect())
    }

    /// Whether the expression fits the columns of `samples`.
    ///
    /// # Errors
    ///
    /// As [`mask`](Filter::mask).
    pub fn check(&self, samples: &DataFrame) -> Result<(), WhereError> {
        self.mask(&samples.clear()).map(|_| ())
    }
}

fn evaluate(node: &Node, table: &DataFrame) -> Result<BooleanChunked, WhereError> {
    Ok(match node {
        // polars' `&` and `|` are Kleene's: false and null is false, true or null is true.
        Node::And(a, b) => evaluate(a, table)? & evaluate(b, table)?,
        Node::Or(a, b) => evaluate(a, table)? | evaluate(b, table)?,
        Node::Not(a) => !evaluate(a, table)?,
        Node::Compare(field, comparison, literal) => compare(&column(field, table)?, field, *comparison, literal)?,
        Node::In(field, literals) => {
            let column = column(field, table)?;
            let mut any: Option<BooleanChunked> = None;
            for literal in literals {
                let one = compare(&column, field, Comparison::Equal, literal)?;
                any = Some(any.map_or(one.clone(), |any| any | one));
            }
            any.expect("the parser wants at least one literal in a list")
        }
        Node::IsNull(field) => column(field, table)?.is_null(),
    })
}

/// The column of a name, or the field of a struct column.
fn column(field: &Field, table: &DataFrame) -> Result<Series, WhereError> {
    let unknown = || WhereError {
        at: field.at,
        reason: format!("no column `{}`; columns are {}", field.name, columns(table).join(", ")),
    };
    let (name, inner) = match field.name.split_once('.') {
        Some((name, inner)) => (name, Some(inner)),
        None => (field.name.as_str(), None),
    };
    let column = table.column(name).map_err(|_| unknown())?.as_materialized_series();
    match inner {
        None => Ok(column.clone()),
        Some(inner) => column.struct_().and_then(|s| s.field_by_name(inner)).map_err(|_| unknown()),
    }
}

/// The columns that can be compared, struct fields with their dot.
fn columns(table: &DataFrame) -> Vec<String> {
    let comparable = |dtype: &DataType| !dtype.is_nested() && *dtype != DataType::Binary;
    let mut names = Vec::new();
    for field in table.schema().iter_fields() {
        match field.dtype() {
            DataType::Struct(fields) => {
                let inner = fields.iter().filter(|f| comparable(f.dtype()));
                names.extend(inner.map(|f| format!("{}.{}", field.name(), f.name())));
            }
            dtype if comparable(dtype) => names.push(field.name().to_string()),
            _ => {}
        }
    }
    names
}

fn compare(
    column: &Series,
    field: &Field,
    comparison: Comparison,
    literal: &Literal,
) -> Result<BooleanChunked, WhereError> {
    let mismatch = |kind: &str| WhereError {
        at: literal.at,
        reason: format!("`{}` is {kind}, which {} is not", field.name, literal.value),
    };
    // Bound to a result: the kernels' errors are about lengths, which a single value cannot get wrong.
    let by_kernel = |mask: PolarsResult<BooleanChunked>| {
        mask.map_err(|e| WhereError { at: field.at, reason: format!("`{}` cannot be compared ({e})", field.name) })
    };
    match column.dtype() {
        DataType::String => match &literal.value {
            Value::Text(text) => by_kernel(apply(column, comparison, text.as_str())),
            _ => Err(mismatch("text")),
        },
        DataType::Boolean => match (&literal.value, comparison) {
            (Value::Bool(value), Comparison::Equal | Comparison::NotEqual) => {
                let keep = *value == (comparison == Comparison::Equal);
                let truth = column.bool().expect("its type was just looked at");
                Ok(if keep { truth.clone() } else { !truth })
            }
            _ => Err(mismatch("true or false, only to be compared by = and !=")),
        },
        dtype if dtype.is_integer() => match &literal.value {
            Value::Int(value) => by_kernel(apply(column, comparison, *value)),
            Value::Float(value) => {
                by_kernel(column.cast(&DataType::Float64).and_then(|c| apply(&c, comparison, *value)))
            }
            Value::Text(text) if field.name.ends_with("_ns") => {
                let time = Timestamp::parse(text).map_err(|e| WhereError { at: literal.at, reason: e.to_string() })?;
                by_kernel(apply(column, comparison, time.ns()))
            }
            _ => Err(mismatch("a whole number")),
        },
        dtype if dtype.is_float() => match &literal.value {
            Value::Int(value) => by_kernel(apply(column, comparison, *value as f64)),
            Value::Float(value) => by_kernel(apply(column, comparison, *value)),
            _ => Err(mismatch("a number")),
        },
        _ => {
            let reason = format!("`{}` cannot be compared, only be `is null`", field.name);
            Err(WhereError { at: field.at, reason })
        }
    }
}

fn apply<V>(column: &Series, comparison: Comparison, value: V) -> PolarsResult<BooleanChunked>
where
    Series: ChunkCompareEq<V, Item = PolarsResult<BooleanChunked>>
        + ChunkCompareIneq<V, Item = PolarsResult<BooleanChunked>>,
{
    match comparison {
        Comparison::Equal => column.equal(value),
        Comparison::NotEqual => column.not_equal(value),
        Comparison::Less => column.lt(value),
        Comparison::LessOrEqual => column.lt_eq(value),
        Comparison::Greater => column.gt(value),
        Comparison::GreaterOrEqual => column.gt_eq(value),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "'{text}'"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// The tokens of a text, each with its position from 1.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, WhereError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        let at = i + 1;
        let error = |reason: String| WhereError { at, reason };
        let second = chars.get(i + 1).copied();
        let (token, length) = match (c, second) {
            (c, _) if c.is_whitespace() => {
                i += 1;
                continue;
            }
            ('(', _) => (Token::Open, 1),
            (')', _) => (Token::Close, 1),
            (',', _) => (Token::Comma, 1),
            ('=', Some('=')) => (Token::Comparison(Comparison::Equal), 2),
            ('=', _) => (Token::Comparison(Comparison::Equal), 1),
            ('!', Some('=')) | ('<', Some('>')) => (Token::Comparison(Comparison::NotEqual), 2),
            ('<', Some('=')) => (Token::Comparison(Comparison::LessOrEqual), 2),
            ('<', _) => (Token::Comparison(Comparison::Less), 1),
            ('>', Some('=')) => (Token::Comparison(Comparison::GreaterOrEqual), 2),
            ('>', _) => (Token::Comparison(Comparison::Greater), 1),
            ('\'' | '"', _) => {
                let (value, length) = quoted(&chars[i..]).ok_or_else(|| error("the text does not end".to_string()))?;
                (Token::Value(Value::Text(value)), length)
            }
            (c, _) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => {
                let sign = |k: usize| k > 0 && matches!(chars[i + k - 1], 'e' | 'E');
                let part = |k: usize, c: char| {
                    c.is_ascii_alphanumeric() || c == '.' || (matches!(c, '-' | '+') && (k == 0 || sign(k)))
                };
                let length = chars[i..].iter().enumerate().take_while(|&(k, &c)| part(k, c)).count();
                let word: String = chars[i..i + length].iter().collect();
                let number = match (word.parse::<i64>(), word.parse::<f64>()) {
                    (Ok(value), _) => Value::Int(value),
                    (_, Ok(value)) if value.is_finite() => Value::Float(value),
                    _ => return Err(error(format!("`{word}` is not a number"))),
                };
                (Token::Value(number), length)
            }
            (c, _) if c.is_alphabetic() || c == '_' => {
                let part = |c: &&char| c.is_alphanumeric() || matches!(c, '_' | '.');
                let length = chars[i..].iter().take_while(part).count();
                let word: String = chars[i..i + length].iter().collect();
                match word.to_ascii_lowercase().as_str() {
                    "true" => (Token::Value(Value::Bool(true)), length),
                    "false" => (Token::Value(Value::Bool(false)), length),
                    _ => (Token::Word(word), length),
                }
            }
            (c, _) => return Err(error(format!("`{c}` has no meaning here"))),
        };
        tokens.push((at, token));
        i += length;
    }
    Ok(tokens)
}

/// A quoted text and its length with quotes; a doubled quote stands for itself.
fn quoted(chars: &[char]) -> Option<(String, usize)> {
    let quote = *chars.first()?;
    let mut text = String::new();
    let mut i = 1;
    loop {
        let c = *chars.get(i)?;
        if c != quote {
            text.push(c);
            i += 1;
        } else if chars.get(i + 1) == Some(&quote) {
            text.push(quote);
            i += 2;
        } else {
            return Some((text, i + 1));
        }
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    /// Position after the last character.
    end: usize,
    depth: u32,
}

impl Parser {
    /// `all (or all)*`
    fn any(&mut self) -> Result<Node, WhereError> {
        let mut node = self.all()?;
        while self.take_word("or") {
            node = Node::Or(Box::new(node), Box::new(self.all()?));
        }
        Ok(node)
    }

    /// `one (and one)*`
    fn all(&mut self) -> Result<Node, WhereError> {
        let mut node = self.one()?;
        while self.take_word("and") {
            node = Node::And(Box::new(node), Box::new(self.one()?));
        }
        Ok(node)
    }

    /// `not one | ( any ) | column test`
    fn one(&mut self) -> Result<Node, WhereError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("too deeply nested"));
        }
        let node = if self.take_word("not") {
            Node::Not(Box::new(self.one()?))
        } else if self.take(&Token::Open) {
            let node = self.any()?;
            self.expect(&Token::Close, "`)`")?;
            node
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(node)
    }

    /// `column (comparison literal | [not] in (literal, …) | is [not] null)`
    fn test(&mut self) -> Result<Node, WhereError> {
        let field = match self.tokens.get(self.next) {
            Some((at, Token::Word(name))) => Field { name: name.clone(), at: *at },
            _ => return Err(self.error("expected a column, `not` or `(`")),
        };
        self.next += 1;
        if let Some((_, Token::Comparison(comparison))) = self.tokens.get(self.next) {
            let comparison = *comparison;
            self.next += 1;
            return Ok(Node::Compare(field, comparison, self.literal()?));
        }
        if self.take_word("is") {
            let negated = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.error("expected `null`"));
            }
            return Ok(negate(negated, Node::IsNull(field)));
        }
        let negated = self.take_word("not");
        if !self.take_word("in") {
            return Err(self.error("expected a comparison, `in` or `is`"));
        }
        self.expect(&Token::Open, "`(`")?;
        let mut literals = vec![self.literal()?];
        while self.take(&Token::Comma) {
            literals.push(self.literal()?);
        }
        self.expect(&Token::Close, "`,` or `)`")?;
        Ok(negate(negated, Node::In(field, literals)))
    }

    fn literal(&mut self) -> Result<Literal, WhereError> {
        match self.tokens.get(self.next) {
            Some((at, Token::Value(value))) => {
                self.next += 1;
                Ok(Literal { value: value.clone(), at: *at })
            }
            _ => Err(self.error("expected a number, a 'text', true or false")),
        }
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.next).is_some_and(|(_, t)| t == token);
        self.next += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((_, Token::Word(w))) if w.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token, what: &str) -> Result<(), WhereError> {
        if self.take(token) { Ok(()) } else { Err(self.error(&format!("expected {what}"))) }
    }

    fn error(&self, reason: &str) -> WhereError {
        let at = self.tokens.get(self.next).map_or(self.end, |(at, _)| *at);
        WhereError { at, reason: reason.to_string() }
    }
}

fn negate(negated: bool, node: Node) -> Node {
    if negated { Node::Not(Box::new(node)) } else { node }
}

#[cfg(test)]
mod tests {
    use super::super::{fixture, tables};
    use super::*;
    use crate::sample::SampleRow;
    use proptest::prelude::*;

    fn kept(text: &str) -> Vec<SampleRow> {
        let rows = fixture::samples();
        let mask = mask(&rows, text);
        rows.into_iter().zip(mask).filter(|(_, keep)| *keep).map(|(row, _)| row).collect()
    }

    fn mask(rows: &[SampleRow], text: &str) -> Vec<bool> {
        let rows: Vec<&SampleRow> = rows.iter().collect();
        let table = tables::samples_table(&rows).expect("a table");
        let filter = Filter::parse(text).expect("an expression");
        filter.mask(&table).expect("a mask").iter().map(|keep| keep.expect("never null")).collect()
    }

    #[test]
    fn comparisons_keep_what_they_say() {
        assert!(kept("split = 'train'").iter().all(|r| r.t0_ns.is_some()));
        assert_eq!(kept("split == \"train\"").len() + kept("split <> 'train'").len(), 40);
        assert_eq!(kept("heading_deg >= 90 and heading_deg < 90.5").len(), 40);
        assert_eq!(kept("sample_id in ('s1', 's2', 'nobody')").len(), 2);
        assert_eq!(kept("sample_id NOT IN ('s1', 's2')").len(), 38);
        assert_eq!(kept("privacy.detector = 'egoblur'").len(), 26);
        assert_eq!(kept("privacy.regions > 0 or recording_id = 'b'").len(), 40);
        assert_eq!(kept("captions is null").len(), 14);
        assert_eq!(kept("not (captions is null)").len(), kept("captions is not null").len());
        assert_eq!(kept("t0_ns < '2023-11-14T22:13:22Z'").len(), kept("t0_ns < 1700000002000000000").len());
    }

    #[test]
    fn a_null_is_neither_equal_nor_different() {
        assert_eq!(kept("match_probability = 0.9").len(), 26);
        assert_eq!(kept("match_probability != 0.9").len(), 0);
        assert_eq!(kept("not match_probability = 0.9").len(), 0);
        assert_eq!(kept("match_probability != 0.9 or recording_id = 'b'").len(), 14);
    }

    #[test]
    fn an_error_says_where_and_what_there_is() {
        let rows = fixture::samples();
        let rows: Vec<&SampleRow> = rows.iter().collect();
        let table = tables::samples_table(&rows).expect("a table");
        let error = |text: &str| match Filter::parse(text).and_then(|f| f.mask(&table)) {
            Err(e) => e.to_string(),
            Ok(_) => panic!("`{text}` is wrong"),
        };
        assert_eq!(error(""), "position 1: expected a column, `not` or `(`");
        assert_eq!(error("split ="), "position 8: expected a number, a 'text', true or false");
        assert_eq!(error("(lon > 1"), "position 9: expected `)`");
        assert_eq!(error("lon > 1 lat < 2"), "position 9: expected `and`, `or` or the end");
        assert_eq!(error("split = 'train"), "position 9: the text does not end");
        assert_eq!(error("lon > 1.2.3"), "position 7: `1.2.3` is not a number");
        assert_eq!(error("lon = 'east'"), "position 7: `lon` is a number, which 'east' is not");
        assert_eq!(error("poses = 1"), "position 1: `poses` cannot be compared, only be `is null`");
        let unknown = error("lon > 1 and speed > 2");
        assert!(
            unknown.starts_with("position 13: no column `speed`; columns are sample_id, recording_id"),
            "{unknown}"
        );
        assert!(unknown.contains("privacy.state") && !unknown.contains("poses"), "{unknown}");
        assert!(error(&"(".repeat(100_000)).contains("too deeply nested"));
        assert!(error(&"not ".repeat(100_000)).contains("too deeply nested"));
    }

    /// Expressions with their truth for a row, null as `None`.
    #[derive(Debug, Clone)]
    enum Truth {
        Speed(f64),
        Split(String),
        Null,
        Not(Box<Truth>),
        And(Box<Truth>, Box<Truth>),
        Or(Box<Truth>, Box<Truth>),
    }

    impl Truth {
        fn text(&self) -> String {
            match self {
                Truth::Speed(v) => format!("sync_residual_ms > {v:?}"),
                Truth::Split(v) => format!("split = '{}'", v.replace('\'', "''")),
                Truth::Null => "sync_residual_ms is null".to_string(),
                Truth::Not(a) => format!("not ({})", a.text()),
                Truth::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
                Truth::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
            }
        }

        fn of(&self, row: &SampleRow) -> Option<bool> {
            match self {
                Truth::Speed(v) => row.sync_residual_ms.map(|x| x > *v),
                Truth::Split(v) => Some(row.split.name() == v),
                Truth::Null => Some(row.sync_residual_ms.is_none()),
                Truth::Not(a) => a.of(row).map(|x| !x),
                Truth::And(a, b) => match (a.of(row), b.of(row)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
                Truth::Or(a, b) => match (a.of(row), b.of(row)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            }
        }
    }

    fn truth() -> impl Strategy<Value = Truth> {
        let leaf = prop_oneof![
            (-5.0..30.0).prop_map(Truth::Speed),
            prop_oneof![Just("train".to_string()), Just("none".to_string()), ".*"].prop_map(Truth::Split),
            Just(Truth::Null),
        ];
        leaf.prop_recursive(5, 24, 2, |inner| {
            let two = (inner.clone(), inner.clone());
            let boxed = |(a, b): (Truth, Truth)| (Box::new(a), Box::new(b));
            prop_oneof![
                inner.prop_map(|a| Truth::Not(Box::new(a))),
                two.clone().prop_map(move |t| {
                    let (a, b) = boxed(t);
                    Truth::And(a, b)
                }),
                two.prop_map(move |t| {
                    let (a, b) = boxed(t);
                    Truth::Or(a, b)
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn masks_agree_with_three_valued_logic_row_by_row(truth in truth()) {
            let rows: Vec<SampleRow> = fixture::samples().into_iter().take(6).collect();
            let want: Vec<bool> = rows.iter().map(|r| truth.of(r) == Some(true)).collect();
            prop_assert_eq!(mask(&rows, &truth.text()), want);
        }

        #[test]
        fn any_text_is_parsed_or_refused_inside_it(text in ".{0,200}") {
            if let Err(e) = Filter::parse(&text) {
                prop_assert!((1..=text.chars().count() + 1).contains(&e.at));
            }
        }

        #[test]
        fn any_words_are_parsed_or_refused(words in prop::collection::vec(
            prop_oneof!["\\(", "\\)", ",", "and", "or", "not", "in", "is", "null", "lon", "=", "<", "1", "-2.5e3", "'x'"], 0..20,
        )) {
            let _ = Filter::parse(&words.join(" "));
        }
    }
}
