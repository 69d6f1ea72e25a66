//! Conversations of the small worlds, put into the tables as they are afterwards.

use super::People;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use muster::db::schema::{agents, conversations};
use muster::db::{Conn, Db, Trouble};

/// Somebody who works here, found or hired.
pub fn colleague(name: &str, conn: &mut Conn) -> i64 {
    let known: Option<i64> =
        agents::table.filter(agents::name.eq(name)).select(agents::id).first(conn).optional().expect("an answer");
    known.unwrap_or_else(|| {
        let row = (
            agents::email.eq(format!("{}@example.com", name.to_lowercase())),
            agents::name.eq(name),
            agents::role.eq("agent"),
            agents::may_send.eq(false),
            agents::may_export.eq(false),
            agents::password_hash.eq("nobody signs in with this"),
            agents::created_at.eq(super::clock().stamp()),
        );
        diesel::insert_into(agents::table).values(row).returning(agents::id).get_result(conn).expect("hired")
    })
}

/// A conversation in which something was said last at this moment.
pub fn talk(customer: i64, channel: &str, state: &str, agent: Option<i64>, at: NaiveDateTime, conn: &mut Conn) -> i64 {
    diesel::insert_into(conversations::table)
        .values((
            conversations::customer_id.eq(customer),
            conversations::channel.eq(channel),
            conversations::state.eq(state),
            conversations::agent_id.eq(agent),
            conversations::created_at.eq(at),
            conversations::last_message_at.eq(at),
        ))
        .returning(conversations::id)
        .get_result(conn)
        .expect("a conversation")
}

/// Ana waits for Mara, wrote to her before too; Bo's is closed and long ago; Cy's waits for somebody.
pub fn talks(people: &People, db: &Db) {
    db.write_now::<_, Trouble>(|conn| {
        let now = super::clock().stamp();
        let mara = colleague("Mara", conn);
        talk(people.ana, "chat", "open", Some(mara), now - TimeDelta::hours(3), conn);
        talk(people.ana, "email", "closed", Some(mara), now - TimeDelta::days(40), conn);
        talk(people.bo, "whatsapp", "closed", None, now - TimeDelta::days(40), conn);
        talk(people.cy, "sms", "open", None, now - TimeDelta::days(2), conn);
        Ok(())
    })
    .expect("the conversations");
}
