//! Values to offer while a person types into the builder: tags, segments and campaigns by name, and what is there in fields with few values.

use super::campaigns::{self, ANY, ANY_OF_THEM};
use super::conversations;
use super::fields::{Fields, Place, Scope, countries};
use super::rule::{Part, Term};
use super::sets::Snapshot;
use super::texts::literal;
use crate::db::Conn;
use crate::db::schema::{custom_values, customers, purchases, segments};
use crate::fold::fold;
use crate::tags::{Tag, suggest};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// One offer: what it fills in, how it is shown, how many customers have it.
pub struct Offer {
    pub value: String,
    pub label: String,
    /// A tag's colour.
    pub colour: Option<String>,
    pub customers: Option<i64>,
}

const MOST: i64 = 8;

/// The built-in fields with few enough different values to offer.
pub const OFFERED: &[&str] = &["country", "city", "language", "product"];

/// Offers that fit what was typed, the most frequent first. Unknown fields offer nothing.
pub fn fitting(field: &str, typed: &str, now: NaiveDateTime, at: &mut Snapshot) -> QueryResult<Vec<Offer>> {
    let typed = &typed.replace('\0', "");
    let conn: &mut Conn = at;
    let pattern = format!("%{}%", literal(&fold(typed)));
    match field {
        "tags" => {
            let offer = |(tag, customers): (Tag, i64)| Offer {
                value: tag.name.clone(),
                label: tag.name,
                colour: Some(tag.colour),
                customers: Some(customers),
            };
            Ok(suggest::fitting(typed, MOST as usize, now, at)?.into_iter().map(offer).collect())
        }
        "segments" => {
            let rows: Vec<String> = segments::table
                .filter(segments::private.eq(false))
                .filter(segments::archived_at.is_null())
                .order(segments::name_key)
                .select(segments::name)
                .load(conn)?;
            let wanted = fold(typed);
            let fits = rows.into_iter().filter(|name| fold(name).contains(&wanted)).take(MOST as usize);
            Ok(fits.map(|name| Offer { value: name.clone(), label: name, colour: None, customers: None }).collect())
        }
        "campaigns" => {
            let known = campaigns::all(conn)?;
            let wanted = fold(typed);
            let fits = known.names().filter(|name| fold(name).contains(&wanted)).take(MOST as usize);
            let any = Some((ANY.to_string(), ANY_OF_THEM)).filter(|(_, label)| label.contains(&wanted));
            let named = fits.map(|name| (campaigns::typed(Some(&Part::One(Some(Term::text(name))))), name));
            let offer =
                |(value, label): (String, &str)| Offer { value, label: label.into(), colour: None, customers: None };
            Ok(any.into_iter().chain(named).map(offer).collect())
        }
        "agents" => {
            let (known, wanted) = (conversations::all_agents(conn)?, fold(typed));
            let fits = known.names().filter(|name| fold(name).contains(&wanted)).take(MOST as usize);
            let offer = |name: &str| Offer { value: name.into(), label: name.into(), colour: None, customers: None };
            Ok(fits.map(offer).collect())
        }
        "country" => {
            let wanted = fold(typed);
            let codes = countries(|known| known.contains(&wanted));
            let rows: Vec<(Option<String>, i64)> = customers::table
                .filter(customers::country.eq_any(codes))
                .group_by(customers::country)
                .select((customers::country, diesel::dsl::count_star()))
                .order((diesel::dsl::count_star().desc(), customers::country))
                .limit(MOST)
                .load(conn)?;
            let name = |code: &str| rust_iso3166::from_alpha2(code).map(|country| country.name.to_string());
            Ok(plain(rows, |code| name(code).unwrap_or_else(|| code.to_string())))
        }
        "city" => {
            let rows: Vec<(Option<String>, i64)> = customers::table
                .filter(customers::city_folded.like(pattern).escape('\\'))
                .group_by(customers::city_folded)
                .select((diesel::dsl::max(customers::city), diesel::dsl::count_star()))
                .order((diesel::dsl::count_star().desc(), customers::city_folded))
                .limit(MOST)
                .load(conn)?;
            Ok(plain(rows, str::to_string))
        }
        "language" => {
            let rows: Vec<(Option<String>, i64)> = customers::table
                .filter(customers::language_folded.like(pattern).escape('\\'))
                .group_by(customers::language_folded)
                .select((diesel::dsl::max(customers::language), diesel::dsl::count_star()))
                .order((diesel::dsl::count_star().desc(), customers::language_folded))
                .limit(MOST)
                .load(conn)?;
            Ok(plain(rows, str::to_string))
        }
        "product" => {
            let rows: Vec<(Option<String>, i64)> = purchases::table
                .filter(purchases::product_folded.like(pattern).escape('\\'))
                .group_by(purchases::product_folded)
                .select((diesel::dsl::max(purchases::product), diesel::dsl::count_star()))
                .order((diesel::dsl::count_star().desc(), purchases::product_folded))
                .limit(MOST)
                .load(conn)?;
            // A purchase is not a customer: no number stands beside it.
            let mut offers = plain(rows, str::to_string);
            offers.iter_mut().for_each(|offer| offer.customers = None);
            Ok(offers)
        }
        custom => {
            let fields = Fields::load(conn)?;
            let Some(field) = fields.find(Scope::Customer, custom) else { return Ok(Vec::new()) };
            let Place::Custom(id) = field.place else { return Ok(Vec::new()) };
            let rows: Vec<(Option<String>, i64)> = custom_values::table
                .filter(custom_values::field_id.eq(id))
                .filter(custom_values::folded.like(pattern).escape('\\'))
                .group_by(custom_values::folded)
                .select((diesel::dsl::max(custom_values::value), diesel::dsl::count_star()))
                .order((diesel::dsl::count_star().desc(), custom_values::folded))
                .limit(MOST)
                .load(conn)?;
            let mut offers = plain(rows, str::to_string);
            // A choice nobody has yet can be asked for as well.
            let wanted = fold(typed);
            for choice in field.choices.iter().filter(|choice| fold(choice).contains(&wanted)) {
                if !offers.iter().any(|offer| fold(&offer.value) == fold(choice)) {
                    offers.push(Offer {
                        value: choice.clone(),
                        label: choice.clone(),
                        colour: None,
                        customers: Some(0),
                    });
                }
            }
            Ok(offers)
        }
    }
}

fn plain(rows: Vec<(Option<String>, i64)>, label: impl Fn(&str) -> String) -> Vec<Offer> {
    rows.into_iter()
        .filter_map(|(value, customers)| {
            let value = value?;
            Some(Offer { label: label(&value), value, colour: None, customers: Some(customers) })
        })
        .collect()
}
