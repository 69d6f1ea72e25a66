//! Random filters: any tree of groups, over any field and operator. What the values are is the test's to say.

use fastrand::Rng;
use muster::filters::Rule;
use muster::filters::fields::{Field, Fields, Scope};
use muster::filters::operators::{Input, Operator, Piece};
use muster::filters::rule::{Condition, Join, Part, Term, Unit};
use std::sync::Arc;

/// What conditions are made of.
pub trait Words {
    fn fields(&self) -> &Fields;

    /// A value that may well be somebody's.
    fn term(&self, field: &Field, input: Input, dice: &mut Rng) -> String;

    /// What is counted in; a day that is kept without a time knows no hours.
    fn unit(&self, field: &Field, dice: &mut Rng) -> Unit {
        pick(if field.is_custom() { &Unit::EACH[2..] } else { &Unit::EACH }, dice)
    }

    /// Fields that are asked nothing.
    fn leaves_out(&self, _field: &Field) -> bool {
        false
    }
}

pub fn pick<T: Copy>(list: &[T], dice: &mut Rng) -> T {
    list[dice.usize(..list.len())]
}

/// A group of groups, so many deep, or a leaf alone.
pub fn tree(deep: usize, dice: &mut Rng, leaf: &mut dyn FnMut(&mut Rng) -> Rule) -> Rule {
    if deep == 0 || dice.u8(..3) == 0 {
        return leaf(dice);
    }
    let rows = (0..dice.usize(1..4)).map(|_| tree(deep - 1, dice, leaf)).collect();
    Rule::Group(pick(&Join::EACH, dice), rows)
}

pub fn condition(scope: Scope, words: &impl Words, dice: &mut Rng) -> Rule {
    loop {
        let fields = words.fields().of(scope);
        let field: &Arc<Field> = &fields[dice.usize(..fields.len())];
        let operators: Vec<&Operator> = Operator::of(field).collect();
        let operator = pick(&operators, dice);
        // A country is compared by its code.
        let whole = ["is", "is_not", "is_any_of", "is_none_of", "is_empty", "is_not_empty"];
        if words.leaves_out(field) || (field.key == "country" && !whole.contains(&operator.key)) {
            continue;
        }
        let mut parts: Vec<Part> = operator
            .holes()
            .map(|piece| match piece {
                Piece::One(_, input) => match words.term(field, *input, dice) {
                    any if *input == Input::Campaign && any == "any" => Part::Any,
                    text => Part::One(Some(Term::text(text))),
                },
                Piece::Many(input) => {
                    let mut terms: Vec<Term> =
                        (0..dice.usize(1..4)).map(|_| Term::text(words.term(field, *input, dice))).collect();
                    terms.sort_by(|a, b| a.text.cmp(&b.text));
                    terms.dedup();
                    Part::Many(terms)
                }
                Piece::Unit => Part::Unit(words.unit(field, dice)),
                Piece::Word(list) => Part::Word(pick(list, dice)),
                Piece::Inner => {
                    let inner = tree(1, dice, &mut |dice| condition(Scope::Purchase, words, dice));
                    Part::Inner(Box::new(inner.rooted()))
                }
                Piece::Words(_) | Piece::Days => unreachable!("not a hole"),
            })
            .collect();
        // From the smaller to the larger, or it is an error.
        if let [Part::One(Some(from)), Part::One(Some(to))] = parts.as_mut_slice()
            && operator.key.ends_with("between")
        {
            let number = |term: &Term| term.text.parse::<f64>().unwrap_or(0.0);
            if (number(from), &from.text) > (number(to), &to.text) {
                std::mem::swap(from, to);
            }
        }
        return Rule::Where(Condition { field: field.clone(), op: operator.key.into(), parts });
    }
}
