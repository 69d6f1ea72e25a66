//! The customers page as the builder of a segment: what it asks is changed row by row and counted on the way, and looked
//! at as a whole before it is saved. The address holds all of it, with the version it began from.

use crate::agents::Caller;
use crate::db::{Conn, Db};
use crate::filters::sets::Snapshot;
use crate::filters::{self, Filter};
use crate::segments::Segment;
use crate::segments::change::Proposal;
use crate::segments::pages::changeable;
use crate::web::Error;
use crate::workspace::Workspace;

/// What the address says of the segment that is changed.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Its id; empty where none is changed.
    pub segment: String,
    /// The version the change began from; empty where it only begins.
    pub since: String,
}

/// The segment that is changed, beside what is asked instead.
pub struct Changing {
    pub segment: Segment,
    /// How many are in it as it is saved.
    pub count: i64,
    pub changed: bool,
    /// Somebody saved it since this change began.
    pub newer: bool,
}

impl Asked {
    pub fn begins(&self) -> bool {
        !self.segment.is_empty() && self.since.is_empty()
    }

    pub fn carried(&self) -> [(&'static str, &str); 2] {
        [("segment", &self.segment), ("since", &self.since)]
    }

    /// Where the change begins: with what the segment asks, or with the filter that it shall ask from now on.
    pub async fn beginning(&self, filter: &str, caller: &Caller, db: &Db) -> Result<String, Error> {
        let id = self.segment.parse().map_err(|_| Error::NotFound("segment"))?;
        let (spelling, caller) = (filter.to_string(), caller.clone());
        let (text, version) = db
            .read(move |conn| {
                let segment = changeable(id, &caller, conn)?;
                if !segment.is_dynamic() {
                    let words = format!("{} is a fixed list: it asks nothing that could be changed.", segment.name);
                    return Err(Error::Unprocessable(words));
                }
                let clock = Workspace::load(conn)?.clock();
                let text = if spelling.is_empty() { segment.filter(conn, &clock)?.text() } else { spelling };
                Ok::<_, Error>((text, segment.version))
            })
            .await?;
        place(id, &version.to_string(), &text, db).await
    }

    /// The segment, where it still is and may be changed.
    pub fn segment(&self, caller: &Caller, conn: &mut Conn) -> Result<Option<Segment>, Error> {
        let Ok(id) = self.segment.parse() else { return Ok(None) };
        let segment = Segment::find(id, caller, conn)?;
        Ok(segment.filter(|segment| segment.is_dynamic() && segment.may_change(caller)))
    }

    /// How it stands, beside a filter that could be read.
    pub fn look(&self, segment: Segment, filter: Option<&Filter>, at: &mut Snapshot) -> Result<Changing, Error> {
        let clock = Workspace::load(at)?.clock();
        let saved = segment.filter(at, &clock)?;
        let proposal = Proposal { segment: &segment, filter, private: segment.private };
        Ok(Changing {
            count: at.count(&saved)?,
            changed: filter.is_none() || proposal.changes(),
            newer: self.since.parse() != Ok(segment.version),
            segment,
        })
    }
}

/// The address where a filter is built for a segment, as a change of a version of it.
pub async fn place(segment: i64, since: &str, filter: &str, db: &Db) -> Result<String, Error> {
    let spelled = filters::pages::spell(filter, db).await?;
    Ok(crate::web::address("/customers", &[("filter", &spelled), ("segment", &segment.to_string()), ("since", since)]))
}
