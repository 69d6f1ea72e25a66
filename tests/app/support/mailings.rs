//! Campaigns that went out, as rows: who got them and what became of it.

use super::People;
use diesel::prelude::*;
use muster::db::schema::{campaign_recipients as recipients, campaigns};
use muster::db::{Conn, Db, Trouble};

/// A campaign with nobody in it; its id.
pub fn campaign(name: &str, conn: &mut Conn) -> i64 {
    let at = super::clock().stamp();
    diesel::insert_into(campaigns::table)
        .values((
            campaigns::name.eq(name),
            campaigns::channel.eq("email"),
            campaigns::audience.eq("{}"),
            campaigns::state.eq("done"),
            campaigns::actor.eq("Mara"),
            campaigns::created_at.eq(at),
            campaigns::updated_at.eq(at),
        ))
        .execute(conn)
        .expect("a campaign");
    campaigns::table.select(diesel::dsl::max(campaigns::id)).first::<Option<i64>>(conn).expect("it").expect("its id")
}

/// Puts somebody into a campaign.
pub fn recipient(campaign: i64, customer: i64, status: &str, unsubscribed: bool, conn: &mut Conn) {
    let at = super::clock().stamp();
    diesel::insert_into(recipients::table)
        .values((
            recipients::campaign_id.eq(campaign),
            recipients::customer_id.eq(customer),
            recipients::address.eq(format!("p{customer}@example.com")),
            recipients::status.eq(status),
            recipients::due_at.eq(at),
            recipients::unsubscribed_at.eq(unsubscribed.then_some(at)),
        ))
        .execute(conn)
        .expect("a recipient");
}

/// Autumn and Winter, sent to some of the small world; and to somebody who is gone.
pub fn mailings(people: &People, db: &Db) -> [i64; 2] {
    db.write_now::<_, Trouble>(|conn| {
        let (autumn, winter) = (campaign("Autumn", conn), campaign("Winter", conn));
        for (campaign, who, status, unsubscribed) in [
            (autumn, people.ana, "sent", false),
            (autumn, people.bo, "failed", false),
            (autumn, people.cy, "sent", true),
            (autumn, people.di, "waiting", false),
            (autumn, people.eva, "excluded", false),
            (autumn, 999, "sent", true),
            (winter, people.ana, "failed", false),
            (winter, people.di, "sent", false),
            (winter, people.eva, "uncertain", true),
        ] {
            recipient(campaign, who, status, unsubscribed, conn);
        }
        Ok([autumn, winter])
    })
    .expect("two campaigns")
}
