//! The text form: what a person types and finds in the URL (SPEC 2.4). Reading is here, printing in `print`.
//!
//! ```text
//! filter    = chain
//! chain     = term { "and" term } | term { "or" term }          never mixed without parentheses
//! term      = "(" chain ")" | ("all" | "any" | "not") "(" [chain] ")" | condition
//! condition = field operator-words-and-values | "everyone"
//!           | "purchases" ("any" | "none") "where" "(" [chain] ")"     its conditions are about one purchase
//! value     = bare word | "quoted, \" inside" | "?"               lists: (a, b)
//! ```
//!
//! winnow cuts the text into tokens; the few rules above are functions over them, because a mistake must name its place,
//! what was expected and the nearest known word.

use super::Mistake;
use super::fields::{Field, Fields, Scope, nearest};
use super::operators::{Input as Hole, Operator, Piece};
use super::rule::{Condition, DEEPEST, Join, Part, Rule, Term, Unit};
use winnow::ascii::multispace0;
use winnow::combinator::{alt, delimited, preceded, repeat};
use winnow::prelude::*;
use winnow::stream::Location;
use winnow::token::{any, none_of, take_while};

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// A bare word: a keyword, a field or a value.
    Word(String),
    Quoted(String),
    /// `=`, `!=`, `>`, `>=`, `<`, `<=`
    Sign(String),
    Open,
    Close,
    Comma,
    /// `?`: a value not filled in yet.
    Blank,
    End,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    /// Counted in characters from 1.
    position: usize,
}

/// The characters a value may have without quotes, besides letters and digits.
const BARE: &str = "-_.@+:/'%&";

pub fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || BARE.contains(c)
}

type Input<'a> = winnow::stream::LocatingSlice<&'a str>;

fn quoted(input: &mut Input<'_>) -> winnow::Result<Kind> {
    let inside =
        repeat(0.., alt((preceded('\\', any), none_of(['"', '\\'])))).fold(String::new, |mut text, c: char| {
            text.push(c);
            text
        });
    delimited('"', inside, '"').map(Kind::Quoted).parse_next(input)
}

fn token(input: &mut Input<'_>) -> winnow::Result<Kind> {
    alt((
        quoted,
        '('.value(Kind::Open),
        ')'.value(Kind::Close),
        ','.value(Kind::Comma),
        '?'.value(Kind::Blank),
        alt(("!=", ">=", "<=", "=", ">", "<")).map(|sign: &str| Kind::Sign(sign.to_string())),
        take_while(1.., is_bare).map(|word: &str| Kind::Word(word.to_string())),
    ))
    .parse_next(input)
}

fn tokens(text: &str) -> Result<Vec<Token>, Mistake> {
    // No value holds one, and one of the databases cannot be asked for it.
    if let Some(position) = text.chars().position(|c| c == '\0') {
        let message = "there is an invisible character here; type it again".to_string();
        return Err(Mistake { position: position + 1, message, suggestion: None });
    }
    let mut input = Input::new(text);
    let mut tokens = Vec::new();
    // Positions are told in characters; counting goes along with the bytes so that it stays linear.
    let (mut bytes, mut characters) = (0, 1);
    loop {
        let _: winnow::Result<&str> = multispace0.parse_next(&mut input);
        let at = input.current_token_start();
        characters += text[bytes..at].chars().count();
        bytes = at;
        if input.is_empty() {
            tokens.push(Token { kind: Kind::End, position: characters });
            return Ok(tokens);
        }
        match token(&mut input) {
            Ok(kind) => tokens.push(Token { kind, position: characters }),
            Err(_) => {
                let rest = &text[at..];
                let message = if rest.starts_with('"') {
                    "this quote is never closed".to_string()
                } else {
                    format!("“{}” needs quotes around it: \"…\"", rest.chars().next().unwrap_or(' '))
                };
                return Err(Mistake { position: characters, message, suggestion: None });
            }
        }
    }
}

/// Reads the text form. Empty text is the empty tree. Names are not looked up here.
pub fn parse(text: &str, fields: &Fields) -> Result<Rule, Mistake> {
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0, fields, scope: Scope::Customer };
    if reader.peek() == &Kind::End {
        return Ok(Rule::default());
    }
    let rule = reader.root()?;
    if reader.peek() != &Kind::End {
        return Err(reader.surprise(if reader.peek() == &Kind::Close {
            "this parenthesis was never opened"
        } else {
            "expected “and”, “or” or the end"
        }));
    }
    Ok(rule)
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    fields: &'a Fields,
    /// Whose fields are read here.
    scope: Scope,
}

impl Reader<'_> {
    fn peek(&self) -> &Kind {
        &self.tokens[self.at].kind
    }

    fn after(&self) -> &Kind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    /// Moves on; the end is never passed.
    fn next(&mut self) -> Kind {
        let kind = self.tokens[self.at].kind.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        kind
    }

    fn word(&self) -> Option<&str> {
        match self.peek() {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn is(&self, word: &str) -> bool {
        self.word().is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    fn mistake(&self, message: impl Into<String>, suggestion: Option<String>) -> Mistake {
        Mistake { position: self.tokens[self.at].position, message: message.into(), suggestion }
    }

    /// A mistake that says what stands here instead.
    fn surprise(&self, expected: &str) -> Mistake {
        let found = match self.peek() {
            Kind::Word(word) | Kind::Sign(word) => format!("“{word}”"),
            Kind::Quoted(text) => format!("\"{text}\""),
            Kind::Open => "“(”".into(),
            Kind::Close => "“)”".into(),
            Kind::Comma => "a comma".into(),
            Kind::Blank => "“?”".into(),
            Kind::End => "the end".into(),
        };
        self.mistake(format!("{expected}, not {found}"), None)
    }

    /// Terms up to a closing parenthesis or the end, and what joins them (`None` for a single one).
    fn chain(&mut self) -> Result<(Option<Join>, Vec<Rule>), Mistake> {
        let mut terms = vec![self.term()?];
        let mut join = None;
        loop {
            let found = match self.word() {
                Some(word) if word.eq_ignore_ascii_case("and") => Join::All,
                Some(word) if word.eq_ignore_ascii_case("or") => Join::Any,
                _ => return Ok((join, terms)),
            };
            if *join.get_or_insert(found) != found {
                let (first, second) = if found == Join::Any { ("and", "or") } else { ("or", "and") };
                return Err(self.mistake(
                    format!(
                        "“{first}” and “{second}” stand side by side; put parentheses around what belongs together, \
                         for example A {first} (B {second} C)"
                    ),
                    None,
                ));
            }
            self.next();
            terms.push(self.term()?);
        }
    }

    /// A whole filter: one group is the root itself.
    fn root(&mut self) -> Result<Rule, Mistake> {
        let (join, mut terms) = self.chain()?;
        Ok(match (join, terms.len()) {
            (None, 1) => terms.remove(0).rooted(),
            (join, _) => Rule::Group(join.unwrap_or(Join::All), terms),
        })
    }

    /// Far deeper than any filter may be: only so that hostile text cannot exhaust the stack.
    fn deeper(&mut self) -> Result<(), Mistake> {
        if self.depth >= 10 * DEEPEST {
            return Err(self.mistake(format!("groups may be {DEEPEST} deep"), None));
        }
        self.depth += 1;
        Ok(())
    }

    fn term(&mut self) -> Result<Rule, Mistake> {
        let opens = self.after() == &Kind::Open;
        let join = match self.word().map(str::to_lowercase).as_deref() {
            Some("all") if opens => Some(Join::All),
            Some("any") if opens => Some(Join::Any),
            Some("not") if opens => Some(Join::None),
            Some("not") => {
                self.next();
                return Err(self.surprise("expected “(” after not, as in not (tags contains VIP)"));
            }
            _ => None,
        };
        if join.is_some() {
            self.next();
        }
        if self.peek() != &Kind::Open {
            return self.condition().map(Rule::Where);
        }
        self.deeper()?;
        self.next();
        let inside = match (join, self.peek()) {
            (Some(join), Kind::Close) => Rule::Group(join, Vec::new()),
            _ => {
                let (joined, mut terms) = self.chain()?;
                match (join, joined) {
                    // Parentheses around a single term say nothing.
                    (None, None) => terms.remove(0),
                    (None, Some(joined)) => Rule::Group(joined, terms),
                    (Some(join), None) => Rule::Group(join, terms),
                    // not (A or B) is NONE of A, B; all (A and B), any (A or B) are those groups themselves.
                    (Some(Join::None), Some(Join::Any)) => Rule::Group(Join::None, terms),
                    (Some(join), Some(joined)) if join == joined => Rule::Group(join, terms),
                    (Some(join), Some(joined)) => Rule::Group(join, vec![Rule::Group(joined, terms)]),
                }
            }
        };
        if self.peek() != &Kind::Close {
            return Err(self.surprise("expected “and”, “or” or “)”"));
        }
        self.next();
        self.depth -= 1;
        Ok(inside)
    }

    fn condition(&mut self) -> Result<Condition, Mistake> {
        let Some(word) = self.word() else {
            return Err(self.surprise("expected a field, “not” or “(”"));
        };
        // `tags` may be left out before `tagged`.
        let name = if word.eq_ignore_ascii_case("tagged") { "tags" } else { word };
        let Some(field) = self.fields.find(self.scope, name).cloned() else {
            let near = self.fields.nearest(self.scope, word);
            let said = match self.scope {
                Scope::Customer => format!("there is no field {word}"),
                Scope::Purchase => {
                    format!("a purchase has no field {word}, only product, amount, currency and purchased_at")
                }
            };
            return Err(self.mistake(said, near));
        };
        if !self.is("tagged") {
            self.next();
        }
        let start = self.at;
        // The longest words first: "contains all" before "contains". Where its values do not follow, a shorter one may
        // still fit ("country is IN"), so the mistake told is the one that came furthest.
        let mut operators: Vec<&Operator> = Operator::of(&field).collect();
        operators.sort_by_key(|operator| std::cmp::Reverse(operator.opening().split(' ').count()));
        let mut furthest: Option<(usize, Mistake)> = None;
        for operator in operators {
            self.at = start;
            match self.values(operator) {
                Ok(Some(parts)) => return Ok(Condition { field, op: operator.key.into(), parts }),
                Ok(None) => {}
                Err(mistake) if furthest.as_ref().is_none_or(|(at, _)| self.at > *at) => {
                    furthest = Some((self.at, mistake))
                }
                Err(_) => {}
            }
        }
        self.at = start;
        Err(match furthest {
            Some((_, mistake)) => mistake,
            None => self.unknown_operator(&field),
        })
    }

    fn unknown_operator(&self, field: &Field) -> Mistake {
        let known: Vec<&str> = Operator::of(field).map(Operator::opening).collect();
        let typed: Vec<&str> = self.tokens[self.at..]
            .iter()
            .map_while(|token| match &token.kind {
                Kind::Word(word) | Kind::Sign(word) => Some(word.as_str()),
                _ => None,
            })
            .take(5)
            .collect();
        let near = (1..=typed.len()).rev().find_map(|words| nearest(&typed[..words].join(" "), known.iter().copied()));
        let some = known.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        let mut mistake = self.surprise(&format!("expected an operator of {} such as {some}", field.key));
        mistake.suggestion = near.map(str::to_string);
        mistake
    }

    /// The parts of one operator, `None` when its words do not stand here.
    fn values(&mut self, operator: &Operator) -> Result<Option<Vec<Part>>, Mistake> {
        let mut parts = Vec::new();
        for (index, piece) in operator.pattern.iter().enumerate() {
            match piece {
                Piece::Words(words) => {
                    for expected in words.split(' ') {
                        let here = match self.peek() {
                            Kind::Word(word) | Kind::Sign(word) => word.eq_ignore_ascii_case(expected),
                            _ => false,
                        };
                        if !here && index == 0 {
                            return Ok(None);
                        }
                        if !here {
                            return Err(self.surprise(&format!("expected “{words}”")));
                        }
                        self.next();
                    }
                }
                Piece::Days => {
                    if self.word().and_then(Unit::parse) != Some(Unit::Days) {
                        return Err(self.surprise("expected “days”"));
                    }
                    self.next();
                }
                Piece::Inner => parts.push(Part::Inner(Box::new(self.inner()?))),
                Piece::One(_, Hole::Campaign) if self.is(super::campaigns::ANY) => {
                    self.next();
                    parts.push(Part::Any);
                }
                Piece::One(..) => parts.push(Part::One(self.value()?)),
                Piece::Many(_) => parts.push(Part::Many(self.list()?)),
                Piece::Unit => match self.word().map(|word| (Unit::parse(word), word)) {
                    Some((Some(unit), _)) => {
                        self.next();
                        parts.push(Part::Unit(unit));
                    }
                    Some((None, word)) => {
                        let near = nearest(word, Unit::EACH.map(Unit::key));
                        let mut mistake = self.surprise("expected minutes, hours, days, weeks, months or years");
                        mistake.suggestion = near.map(str::to_string);
                        return Err(mistake);
                    }
                    None => return Err(self.surprise("expected minutes, hours, days, weeks, months or years")),
                },
                Piece::Word(list) => {
                    let known = list.iter().find(|known| self.is(known));
                    let Some(known) = known else {
                        return Err(self.surprise(&format!("expected {}", list.join(", "))));
                    };
                    self.next();
                    parts.push(Part::Word(known));
                }
            }
        }
        Ok(Some(parts))
    }

    /// The filter over one purchase, in its parentheses.
    fn inner(&mut self) -> Result<Rule, Mistake> {
        if self.peek() != &Kind::Open {
            return Err(self.surprise("expected “(” and what the purchase was"));
        }
        self.deeper()?;
        self.next();
        let around = std::mem::replace(&mut self.scope, Scope::Purchase);
        let rule = if self.peek() == &Kind::Close { Ok(Rule::default()) } else { self.root() };
        self.scope = around;
        let rule = rule?;
        if self.peek() != &Kind::Close {
            return Err(self.surprise("expected “and”, “or” or “)”"));
        }
        self.next();
        self.depth -= 1;
        Ok(rule)
    }

    /// A value, or `None` for `?`. A keyword that stands where only a value can is read as the value.
    fn value(&mut self) -> Result<Option<Term>, Mistake> {
        match self.peek() {
            Kind::Word(text) | Kind::Quoted(text) => {
                let term = Term::text(text.clone());
                self.next();
                Ok(Some(term))
            }
            Kind::Blank => {
                self.next();
                Ok(None)
            }
            _ => Err(self.surprise("expected a value (or ? for one to be filled in later)")),
        }
    }

    fn list(&mut self) -> Result<Vec<Term>, Mistake> {
        if self.peek() != &Kind::Open {
            return Ok(self.value()?.into_iter().collect());
        }
        self.next();
        let mut terms = Vec::new();
        loop {
            terms.extend(self.value()?);
            match self.peek() {
                Kind::Comma => self.next(),
                Kind::Close => {
                    self.next();
                    return Ok(terms);
                }
                _ => return Err(self.surprise("expected a comma or “)”")),
            };
        }
    }
}
