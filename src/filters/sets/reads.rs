//! What the answers of a condition are read from, in the words of the change log: which table, and what narrows it.

use crate::db::changes::{self, source};
use crate::filters::ask::Source;
use crate::filters::taggings::Tagged;

/// The mask of a row of `customers` that came or went.
const CAME_OR_WENT: i64 = 1;

/// A part of a table. A set of answers stays true as long as nothing in it changes.
#[derive(Clone, Debug)]
pub struct Reads {
    table: i16,
    keys: Keys,
}

#[derive(Clone, Debug)]
enum Keys {
    All,
    /// Rows of these tags, segments, fields, channels or campaigns.
    These(Vec<i64>),
    /// These columns of `customers`: one bit each.
    Columns(i64),
}

impl Reads {
    /// True when a change of this [source and key](changes::Change) may alter what is read here.
    pub fn are_touched_by(&self, source: i16, key: i64) -> bool {
        self.table == source
            && match &self.keys {
                Keys::All => true,
                Keys::These(keys) => key == changes::WHOLE || keys.contains(&key),
                Keys::Columns(bits) => key & bits != 0,
            }
    }

    fn all(table: i16) -> Reads {
        Reads { table, keys: Keys::All }
    }

    fn these(table: i16, keys: &[i64]) -> Reads {
        Reads { table, keys: Keys::These(keys.to_vec()) }
    }
}

impl Source {
    pub fn reads(&self) -> Vec<Reads> {
        match self {
            Source::Anyone => vec![Reads { table: source::CUSTOMERS, keys: Keys::Columns(CAME_OR_WENT) }],
            Source::Own(column, _) => {
                // A column the log does not tell apart changes with every edit.
                let bits = changes::customer_bit(column.name).unwrap_or(-1) | CAME_OR_WENT;
                vec![Reads { table: source::CUSTOMERS, keys: Keys::Columns(bits) }]
            }
            Source::Tags(Tagged::With(ids)) => vec![Reads::these(source::TAGGINGS, ids)],
            Source::Tags(Tagged::Within(id, _) | Tagged::From(id, _)) => vec![Reads::these(source::TAGGINGS, &[*id])],
            Source::Tags(Tagged::Named(_)) => vec![Reads::all(source::TAGGINGS), Reads::all(source::TAGS)],
            Source::Tags(Tagged::Besides(_) | Tagged::AtAll | Tagged::Moved { .. }) | Source::Carrying(_) => {
                vec![Reads::all(source::TAGGINGS)]
            }
            Source::Consents(said) => vec![Reads::these(source::CONSENTS, &[changes::channel_key(said.channel)])],
            Source::Members(id) => vec![Reads::these(source::SEGMENT_MEMBERS, &[*id])],
            Source::Values(id, _) => vec![Reads::these(source::CUSTOM_VALUES, &[*id])],
            Source::Campaigns(reached) => match reached.campaign {
                Some(id) => vec![Reads::these(source::CAMPAIGN_RECIPIENTS, &[id])],
                None => vec![Reads::all(source::CAMPAIGN_RECIPIENTS)],
            },
            Source::Conversations(_) => vec![Reads::all(source::CONVERSATIONS)],
            Source::Purchases(_) => vec![Reads::all(source::PURCHASES)],
        }
    }
}
