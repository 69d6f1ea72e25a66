//! What erasing somebody would do, for the page that asks.

use super::files::Uploads;
use super::keys::Keys;
use super::traces::{self, Place};
use crate::customers::merge;
use crate::customers::{Channel, Consents, Customer};
use crate::db::Conn;
use crate::db::schema::{campaign_recipients, conversations, messages};
use diesel::prelude::*;

pub struct Plan {
    pub keys: Keys,
    pub conversations: i64,
    pub messages: i64,
    pub campaigns: i64,
    /// Lines of imports about her.
    pub lines: Vec<(i64, i64)>,
    pub uploads: Uploads,
    /// What names her and stays somebody's own to change.
    pub places: Vec<Place>,
    /// Channels she left by telling an agent: their addresses are suppressed for good.
    pub opted_out: Vec<Channel>,
    /// Why it cannot be done now.
    pub refused: Option<String>,
}

impl Plan {
    pub fn of(her: &Customer, conn: &mut Conn) -> QueryResult<Plan> {
        let keys = Keys::of(her, conn)?;
        let hers = conversations::table.filter(conversations::customer_id.eq(her.id));
        let count = hers.count().get_result(conn)?;
        let said = messages::table.filter(messages::conversation_id.eq_any(hers.select(conversations::id)));
        let uploads = Uploads::of(&keys, conn)?;
        let consents = Consents::of(her.id, conn)?;
        let running = uploads.running.first().map(|import| {
            format!(
                "The import {} is under way and has lines about her. Erase her once it has ended.",
                import.file_name
            )
        });
        let on_the_way = merge::on_the_way(&keys.numbers, conn)?;
        let on_the_way = on_the_way.map(|campaign| {
            format!("A message of the campaign {campaign} is on its way to her. Erase her in a minute.")
        });
        Ok(Plan {
            conversations: count,
            messages: said.count().get_result(conn)?,
            campaigns: campaign_recipients::table
                .filter(campaign_recipients::customer_id.eq_any(&keys.numbers))
                .count()
                .get_result(conn)?,
            lines: merge::lines_about(&keys.numbers, conn)?,
            places: traces::places(&keys, conn)?,
            opted_out: Channel::ALL
                .into_iter()
                .filter(|channel| consents.get(*channel) == crate::customers::Consent::OptedOut)
                .collect(),
            refused: running.or(on_the_way),
            uploads,
            keys,
        })
    }
}
