//! What a template names, read off its tree: in branches that are not taken too.
//!
//! A message knows fields, filters, tests, `range`, and the statements `if`, `for`, `set` and `with`. Whatever else
//! minijinja can do is a mistake here: nothing in a message may switch off the escaping of values.

use super::{Mistake, Part, Problem, language};
use crate::filters::fields::nearest;
use minijinja::{machinery, machinery::ast, machinery::ast::Expr, machinery::ast::Stmt, syntax::SyntaxConfig};

/// So many words and signs may stand in one tag, and so many `elif` in one part. Reading goes one level deeper with each
/// of them without end, and a stack has an end. What is nested otherwise minijinja counts by itself.
const LONGEST: usize = 300;
const ELIFS: usize = 100;

/// The fields there are without those of the business. None of the first words may be given to anything else.
const FIELDS: &[&str] = &[
    "customer.name",
    "customer.email",
    "customer.phone",
    "customer.external_id",
    "customer.country",
    "customer.city",
    "customer.language",
    "workspace.name",
    "unsubscribe_url",
    "preferences_url",
];

/// Whether reading it is no danger.
pub fn is_flat(part: Part, source: &str) -> Result<(), Problem> {
    use machinery::Token;
    let (mut words, mut elifs) = (0, 0);
    for token in machinery::tokenize(source, false, SyntaxConfig::default()) {
        // What cannot be read is for the parser to tell, which stops there too.
        let Ok((token, span)) = token else { break };
        let first = words == 0;
        words = match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => 0,
            _ => words + 1,
        };
        elifs += usize::from(first && matches!(token, Token::Ident("elif")));
        let too_much = match (words > LONGEST, elifs > ELIFS) {
            (true, _) => "There is too much between these braces. Say it in several.",
            (_, true) => "There are too many elif. Say it in fewer.",
            _ => continue,
        };
        return Err(Problem { part, line: line(source, span), words: too_much.into() });
    }
    Ok(())
}

pub fn mistakes(part: Part, source: &str, custom_keys: &[String]) -> Vec<Mistake> {
    if let Err(problem) = is_flat(part, source) {
        return vec![problem.into()];
    }
    let tree = match machinery::parse(source, part.name(), SyntaxConfig::default()) {
        Ok(tree) => tree,
        Err(error) => return vec![Problem::of(part, &error).into()],
    };
    let custom = custom_keys.iter().map(|key| format!("customer.custom.{key}"));
    let fields = FIELDS.iter().map(|field| field.to_string()).chain(custom).collect();
    let mut walk = Walk { part, source, fields, here: Vec::new(), mistakes: Vec::new() };
    walk.statement(&tree);
    walk.mistakes
}

fn line(source: &str, span: machinery::Span) -> usize {
    1 + source.bytes().take(span.start_offset as usize).filter(|byte| *byte == b'\n').count()
}

struct Walk<'a> {
    part: Part,
    source: &'a str,
    fields: Vec<String>,
    /// The names that the template gave by itself and that are known at this place.
    here: Vec<&'a str>,
    mistakes: Vec<Mistake>,
}

impl<'a> Walk<'a> {
    fn say(&mut self, span: machinery::Span, words: String) {
        self.mistakes.push(Mistake { part: self.part, line: line(self.source, span), words });
    }

    fn unknown(&mut self, span: machinery::Span, kind: &str, typed: &str, known: &[&str]) {
        // Who writes only `name` means the first that ends like it.
        let ends = |word: &&str| word.rsplit('.').next().is_some_and(|last| typed.ends_with(last));
        let meant = nearest(typed, known.iter().copied()).or_else(|| known.iter().copied().find(ends));
        let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_else(|| ".".into());
        self.say(span, format!("There is no {kind} {typed}. Known are: {}{meant}", known.join(", ")));
    }

    fn statements(&mut self, all: &[Stmt<'a>]) {
        all.iter().for_each(|one| self.statement(one));
    }

    fn statement(&mut self, statement: &Stmt<'a>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitRaw(_) => {}
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::IfCond(choice) => self.choice(choice),
            Stmt::ForLoop(each) => self.each(each),
            Stmt::Set(set) => {
                self.expression(&set.expr);
                self.give(&set.target);
            }
            Stmt::WithBlock(with) => {
                let known = self.here.len();
                for (name, value) in &with.assignments {
                    self.expression(value);
                    self.give(name);
                }
                self.statements(&with.body);
                self.here.truncate(known);
            }
            Stmt::SetBlock(block) => self.refuse(block.span(), "{% set %} around a block"),
            Stmt::AutoEscape(block) => self.refuse(block.span(), "{% autoescape %}"),
            Stmt::FilterBlock(block) => self.refuse(block.span(), "{% filter %}"),
            Stmt::Do(call) => self.refuse(call.span(), "{% do %}"),
        }
    }

    fn refuse(&mut self, span: machinery::Span, what: &str) {
        self.say(span, format!("{what} cannot be used in a message. What can be: if, for, set, with."));
    }

    /// After a choice those names are known that both ways gave.
    fn choice(&mut self, choice: &ast::IfCond<'a>) {
        self.expression(&choice.expr);
        let before = self.here.clone();
        self.statements(&choice.true_body);
        let one = std::mem::replace(&mut self.here, before);
        self.statements(&choice.false_body);
        self.here.retain(|name| one.contains(name));
    }

    fn each(&mut self, each: &ast::ForLoop<'a>) {
        self.expression(&each.iter);
        let known = self.here.len();
        self.give(&each.target);
        self.here.push("loop");
        each.filter_expr.iter().for_each(|wanted| self.expression(wanted));
        self.statements(&each.body);
        self.here.truncate(known);
        self.statements(&each.else_body);
        self.here.truncate(known);
    }

    /// A name that the template gives to a value.
    fn give(&mut self, target: &Expr<'a>) {
        match target {
            Expr::Var(name) if self.fields.iter().any(|field| field.split('.').next() == Some(name.id)) => {
                self.say(name.span(), format!("{} means something already. Choose another name.", name.id));
            }
            Expr::Var(name) => self.here.push(name.id),
            Expr::List(names) => names.items.iter().for_each(|name| self.give(name)),
            Expr::Tuple(names) => names.items.iter().for_each(|name| self.give(name)),
            other => self.say(other.span(), "Only a plain name can be given to a value.".into()),
        }
    }

    fn expression(&mut self, expression: &Expr<'a>) {
        match expression {
            Expr::Const(_) => {}
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.field(expression),
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                [&slice.start, &slice.stop, &slice.step].into_iter().flatten().for_each(|part| self.expression(part));
            }
            Expr::UnaryOp(one) => self.expression(&one.expr),
            Expr::BinOp(two) => {
                if matches!(two.op, ast::BinOpKind::Concat) {
                    let words = "Values are not joined with ~: write them beside each other, {{ one }}{{ two }}.";
                    self.say(two.span(), words.into());
                }
                self.expression(&two.left);
                self.expression(&two.right);
            }
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                compare.ops.iter().for_each(|other| self.expression(&other.expr));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                choice.false_expr.iter().for_each(|other| self.expression(other));
            }
            Expr::Filter(filter) => {
                let known: Vec<&str> = language::filter_names().collect();
                if !known.contains(&filter.name) {
                    self.unknown(filter.span(), "filter", filter.name, &known);
                }
                filter.expr.iter().for_each(|value| self.expression(value));
                self.arguments(&filter.args);
            }
            Expr::Test(test) => {
                if !language::TESTS.contains(&test.name) {
                    self.unknown(test.span(), "test", test.name, language::TESTS);
                }
                self.expression(&test.expr);
                self.arguments(&test.args);
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|item| self.expression(item)),
        }
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'a>>) {
        match &call.expr {
            Expr::Var(name) if language::FUNCTIONS.contains(&name.id) => {}
            Expr::Var(name) => self.unknown(call.span(), "function", name.id, language::FUNCTIONS),
            _ => {
                self.say(call.span(), "Only range(…) can be called; for all else there are filters, after a |.".into())
            }
        }
        self.arguments(&call.args);
    }

    fn arguments(&mut self, all: &[ast::CallArg<'a>]) {
        use ast::CallArg::{Kwarg, KwargSplat, Pos, PosSplat};
        for one in all {
            let (Pos(value) | Kwarg(_, value) | PosSplat(value) | KwargSplat(value)) = one;
            self.expression(value);
        }
    }

    fn field(&mut self, expression: &Expr<'a>) {
        let Some(words) = words(expression) else {
            // Something of something that is no name: whatever is inside has to be known.
            if let Expr::GetItem(item) = expression {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            } else if let Expr::GetAttr(item) = expression {
                self.expression(&item.expr);
            }
            return;
        };
        let typed = words.join(".");
        if self.here.contains(&words[0].as_str()) || self.fields.contains(&typed) {
            return;
        }
        let inside = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        let known: Vec<String> = self.fields.clone();
        let span = expression.span();
        if known.iter().any(|field| inside(&typed, field)) || typed == "customer.custom" {
            self.say(span, format!("{typed} is not one value. Say which, as in {}.", example(&typed, &known)));
        } else if let Some(field) = known.iter().find(|field| inside(field, &typed)) {
            self.say(span, format!("{field} is one value, with nothing inside."));
        } else {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            self.unknown(span, "field", &typed, &known);
        }
    }
}

fn example<'f>(typed: &str, known: &'f [String]) -> &'f str {
    known.iter().find(|field| field.starts_with(typed)).map_or("customer.name", String::as_str)
}

/// `customer.custom.size` and `customer["custom"]["size"]` as words, if the expression is nothing but a name.
fn words(expression: &Expr<'_>) -> Option<Vec<String>> {
    let (of, last) = match expression {
        Expr::Var(name) => return Some(vec![name.id.to_string()]),
        Expr::GetAttr(attribute) => (&attribute.expr, attribute.name.to_string()),
        Expr::GetItem(item) => match &item.subscript_expr {
            Expr::Const(key) => (&item.expr, key.value.as_str()?.to_string()),
            _ => return None,
        },
        _ => return None,
    };
    let mut all = words(of)?;
    all.push(last);
    Some(all)
}
