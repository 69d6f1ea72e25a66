//! The ten filters of `tests/data/filters.json` as the best SQL we could write for their counts by hand: ids written in,
//! covering indexes, differences instead of negations, sets instead of probes, and the other way round. All spellings of
//! a filter are run; the quickest is what Muster is compared with.

use crate::database::{Kind, Names};

type Shapes = Vec<(&'static str, String)>;

/// The filters' clock, and what their days come to in UTC.
const DAYS_90: &str = "'2026-08-03 00:00:00'";
const DAYS_365: &str = "'2025-11-01 00:00:00'";

/// Every spelling of a filter's count, by the filter's id in filters.json.
pub fn counts(id: &str, names: &Names, kind: Kind) -> anyhow::Result<Shapes> {
    let tag = |name| names.tag(name);
    let carry = |tag: i64| format!("SELECT customer_id FROM taggings WHERE tag_id = {tag}");
    let contains = |column: &str, word: &str| match kind {
        Kind::Sqlite => format!("instr({column}, '{word}') > 0"),
        Kind::Postgres => format!("{column} LIKE '%{word}%'"),
    };
    let everyone = "(SELECT count(*) FROM customers)";
    let of = |set: &str| format!("SELECT count(*) FROM ({set}) AS found");
    Ok(match id {
        "F01" => vec![("index", format!("SELECT count(*) FROM taggings WHERE tag_id = {}", tag("VIP")?))],
        "F03" => {
            let (a, b) = (tag("Wholesale")?, tag("Interest-Boots")?);
            vec![
                ("INTERSECT", of(&format!("{} INTERSECT {}", carry(a), carry(b)))),
                ("IN", format!("SELECT count(*) FROM taggings WHERE tag_id = {a} AND customer_id IN ({})", carry(b))),
                (
                    "EXISTS",
                    format!(
                        "SELECT count(*) FROM taggings AS a WHERE a.tag_id = {a} AND EXISTS (SELECT 1 FROM taggings AS b WHERE b.customer_id = a.customer_id AND b.tag_id = {b})"
                    ),
                ),
                (
                    "join",
                    format!(
                        "SELECT count(*) FROM taggings AS a JOIN taggings AS b ON b.customer_id = a.customer_id WHERE a.tag_id = {a} AND b.tag_id = {b}"
                    ),
                ),
                (
                    "GROUP BY",
                    of(&format!(
                        "SELECT customer_id FROM taggings WHERE tag_id IN ({a}, {b}) GROUP BY customer_id HAVING count(*) = 2"
                    )),
                ),
            ]
        }
        "F04" => {
            let (a, b, c) = (tag("VIP")?, tag("Newsletter")?, tag("Lapsed")?);
            let any = format!("SELECT customer_id FROM taggings WHERE tag_id IN ({a}, {b}, {c})");
            vec![
                (
                    "all less DISTINCT",
                    format!(
                        "SELECT {everyone} - (SELECT count(DISTINCT customer_id) FROM taggings WHERE tag_id IN ({a}, {b}, {c}))"
                    ),
                ),
                (
                    "all less UNION",
                    format!(
                        "SELECT {everyone} - ({})",
                        of(&format!("{} UNION {} UNION {}", carry(a), carry(b), carry(c)))
                    ),
                ),
                (
                    "NOT EXISTS",
                    format!(
                        "SELECT count(*) FROM customers AS c WHERE NOT EXISTS (SELECT 1 FROM taggings AS t WHERE t.customer_id = c.id AND t.tag_id IN ({a}, {b}, {c}))"
                    ),
                ),
                ("NOT IN", format!("SELECT count(*) FROM customers WHERE id NOT IN ({any})")),
                ("EXCEPT", of(&format!("SELECT id FROM customers EXCEPT {any}"))),
            ]
        }
        "F06" => vec![
            ("all less index", format!("SELECT {everyone} - (SELECT count(*) FROM customers WHERE country = 'SE')")),
            ("scan", "SELECT count(*) FROM customers WHERE country <> 'SE' OR country IS NULL".into()),
        ],
        "F08" => vec![
            ("scan", format!("SELECT count(*) FROM customers WHERE {}", contains("name_folded", "andersi"))),
            ("LIKE", "SELECT count(*) FROM customers WHERE name_folded LIKE '%andersi%'".into()),
            ("each name once", each_name(&contains("name", "andersi"))),
        ],
        "F10" => vec![("index", format!("SELECT count(*) FROM customers WHERE last_purchase_at < {DAYS_90}"))],
        "F12" => {
            let points = names.field("points")?;
            vec![(
                "index",
                format!(
                    "SELECT count(*) FROM custom_values WHERE field_id = {points} AND number BETWEEN 500000000 AND 2000000000"
                ),
            )]
        }
        "F14" => {
            let (plan, points) = (names.field("plan")?, names.field("points")?);
            let plans = format!("field_id = {plan} AND folded IN ('pro', 'enterprise')");
            let rich = format!("field_id = {points} AND number > 5000000000");
            vec![
                (
                    "INTERSECT",
                    of(&format!(
                        "SELECT customer_id FROM custom_values WHERE {plans} INTERSECT SELECT customer_id FROM custom_values WHERE {rich}"
                    )),
                ),
                (
                    "IN",
                    format!(
                        "SELECT count(*) FROM custom_values WHERE {plans} AND customer_id IN (SELECT customer_id FROM custom_values WHERE {rich})"
                    ),
                ),
                (
                    "IN, the other way",
                    format!(
                        "SELECT count(*) FROM custom_values WHERE {rich} AND customer_id IN (SELECT customer_id FROM custom_values WHERE {plans})"
                    ),
                ),
                (
                    "EXISTS",
                    format!(
                        "SELECT count(*) FROM custom_values AS a WHERE a.field_id = {plan} AND a.folded IN ('pro', 'enterprise') AND EXISTS (SELECT 1 FROM custom_values AS b WHERE b.customer_id = a.customer_id AND b.field_id = {points} AND b.number > 5000000000)"
                    ),
                ),
            ]
        }
        "F16" => {
            let (vip, wholesale) = (tag("VIP")?, tag("Wholesale")?);
            let berg = contains("city_folded", "berg");
            let (first, second) = ("country = 'SE'".to_string(), format!("(country = 'DE' OR {berg})"));
            let join = |tag: i64, what: &str| {
                format!(
                    "SELECT t.customer_id FROM taggings AS t JOIN customers ON id = t.customer_id WHERE t.tag_id = {tag} AND {what}"
                )
            };
            vec![
                ("UNION of joins", of(&format!("{} UNION {}", join(vip, &first), join(wholesale, &second)))),
                (
                    "DISTINCT join",
                    format!(
                        "SELECT count(DISTINCT t.customer_id) FROM taggings AS t JOIN customers ON id = t.customer_id WHERE t.tag_id IN ({vip}, {wholesale}) AND ((t.tag_id = {vip} AND {first}) OR (t.tag_id = {wholesale} AND {second}))"
                    ),
                ),
                (
                    "IN",
                    format!(
                        "SELECT count(*) FROM customers WHERE (id IN ({}) AND {first}) OR (id IN ({}) AND {second})",
                        carry(vip),
                        carry(wholesale)
                    ),
                ),
                (
                    "sets",
                    of(&format!(
                        "SELECT customer_id FROM ({} INTERSECT SELECT id FROM customers WHERE {first}) AS a UNION SELECT customer_id FROM ({} INTERSECT SELECT id FROM customers WHERE {second}) AS b",
                        carry(vip),
                        carry(wholesale)
                    )),
                ),
            ]
        }
        "F18" => {
            let (vip, batch) = (tag("VIP")?, names.segment("Spring batch")?);
            let nordic = "country IN ('SE', 'NO', 'DK', 'FI')";
            let opted = "SELECT customer_id FROM consents WHERE channel = 'email' AND state = 'opted_in'";
            let members = format!("SELECT customer_id FROM segment_members WHERE segment_id = {batch}");
            let lapsed = format!("last_purchase_at < {DAYS_365}");
            let vips = format!(
                "SELECT t.customer_id FROM taggings AS t JOIN customers ON id = t.customer_id WHERE t.tag_id = {vip} AND {nordic}"
            );
            let buyers = |opted: &str| format!("SELECT id FROM customers WHERE {lapsed} AND {opted}");
            let probe = "EXISTS (SELECT 1 FROM consents AS o WHERE o.customer_id = id AND o.channel = 'email' AND o.state = 'opted_in')";
            vec![
                (
                    "sets",
                    of(&format!(
                        "SELECT * FROM ({vips} UNION {}) AS a EXCEPT {members}",
                        buyers(&format!("id IN ({opted})"))
                    )),
                ),
                (
                    "sets, INTERSECT",
                    of(&format!(
                        "SELECT * FROM ({vips} UNION SELECT * FROM (SELECT id FROM customers WHERE {lapsed} INTERSECT {opted}) AS b) AS a EXCEPT {members}"
                    )),
                ),
                ("sets, EXISTS", of(&format!("SELECT * FROM ({vips} UNION {}) AS a EXCEPT {members}", buyers(probe)))),
                (
                    "IN",
                    format!(
                        "SELECT count(*) FROM customers WHERE ((id IN ({}) AND {nordic}) OR ({lapsed} AND id IN ({opted}))) AND id NOT IN ({members})",
                        carry(vip)
                    ),
                ),
                (
                    "EXISTS",
                    format!(
                        "SELECT count(*) FROM customers WHERE (({nordic} AND EXISTS (SELECT 1 FROM taggings AS t WHERE t.customer_id = id AND t.tag_id = {vip})) OR ({lapsed} AND {probe})) AND NOT EXISTS (SELECT 1 FROM segment_members AS m WHERE m.customer_id = id AND m.segment_id = {batch})"
                    ),
                ),
            ]
        }
        other => anyhow::bail!("no SQL was written for the filter {other}"),
    })
}

/// Walks the index from name to name, tries each once, and counts those who have it.
fn each_name(fits: &str) -> String {
    format!(
        "WITH RECURSIVE names(name) AS (SELECT min(name_folded) FROM customers UNION ALL \
         SELECT (SELECT min(name_folded) FROM customers WHERE name_folded > names.name) FROM names WHERE names.name IS NOT NULL) \
         SELECT CAST(coalesce(sum((SELECT count(*) FROM customers WHERE name_folded = names.name)), 0) AS BIGINT) \
         FROM names WHERE {fits}"
    )
}
