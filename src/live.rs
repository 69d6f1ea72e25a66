//! What others do, told to whoever has a page open: one task of the process follows the change log and tells all streams,
//! so that what another process writes is told as well. A stream carries numbers and no content: the page asks for its
//! pieces again, through the doors it came in by.

use crate::agents::Caller;
use crate::db::changes::{self, Since, Version, source};
use crate::db::{Address, Db, Trouble, snapshot};
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use futures_util::stream::unfold;
use serde_json::json;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};
use tokio::sync::watch;

/// What this process writes is told at once; how often it is looked for what others wrote.
const EVERY: Duration = Duration::from_millis(250);
/// Writes that follow each other closely are told together.
const GATHER: Duration = Duration::from_millis(25);
/// Of more customers at once one says "many".
const FEW: usize = 200;
/// What one who is slow may be behind; then she is told that something was.
const BEHIND: usize = 256;
/// Something is said so often, or whoever went away would never be missed.
const PULSE: Duration = Duration::from_secs(20);
/// Then a stream ends, and whoever may not look any more does not come back.
const LIFE: Duration = Duration::from_secs(300);

/// What was committed since the news before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    pub conversations: BTreeSet<i64>,
    /// `None`: too many to be named.
    pub customers: Option<BTreeSet<i64>>,
}

impl News {
    /// Something happened, and it is not known what.
    fn many() -> News {
        News { conversations: BTreeSet::new(), customers: None }
    }

    /// Something may have happened in this conversation.
    pub fn tells_of(&self, conversation: i64) -> bool {
        self.customers.is_none() || self.conversations.contains(&conversation)
    }

    fn of(since: Since) -> Option<News> {
        let changes = match since {
            Since::Same => return None,
            Since::Lost => return Some(News::many()),
            Since::Changes(changes) => changes,
        };
        let mut news = News { customers: Some(BTreeSet::new()), ..News::default() };
        for change in changes {
            if change.source == source::CONVERSATIONS {
                news.conversations.insert(change.key);
            }
            match (&mut news.customers, change.customers) {
                (Some(all), Some(some)) if all.len() + some.len() <= FEW => all.extend(some),
                _ => news.customers = None,
            }
        }
        Some(news)
    }

    /// As the script of the pages reads it.
    fn event(&self) -> Bytes {
        let words = json!({ "conversations": self.conversations, "customers": self.customers });
        Bytes::from(format!("data: {words}\n\n"))
    }
}

/// Where one listens. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    news: Sender<Arc<News>>,
    over: Arc<watch::Sender<bool>>,
}

impl Live {
    /// Follows the log for as long as the server runs; while nobody listens it rests.
    pub fn start(db: Db) -> Live {
        let live = Live { news: broadcast::channel(BEHIND).0, over: Arc::new(watch::channel(false).0) };
        actix_web::rt::spawn(live.clone().follow(db));
        live
    }

    /// The server stops: every stream ends.
    pub fn close(&self) {
        self.over.send_replace(true);
    }

    /// News from now on.
    pub fn listen(&self) -> Listener {
        Listener { news: self.news.subscribe(), over: self.over.subscribe() }
    }

    async fn follow(self, db: Db) {
        let mut seen: Option<Version> = None;
        // A question costs PostgreSQL more than a look into a file.
        let every = if matches!(db.address(), Address::Postgres(_)) { EVERY } else { EVERY / 2 };
        let mut writes = 0;
        while !*self.over.borrow() {
            let newer = db.following().writes();
            let wait = if newer == writes { every } else { GATHER };
            writes = newer;
            tokio::time::sleep(wait).await;
            if self.news.receiver_count() == 0 {
                seen = None;
                continue;
            }
            let (db, known) = (db.clone(), seen.clone());
            let looked = actix_web::web::block(move || {
                let mut conn = db.conn()?;
                snapshot::<_, Trouble>(&mut conn, |conn| Ok(changes::since(known.as_ref(), conn)?))
            });
            match looked.await {
                Ok(Ok((at, since))) => {
                    // After a rest nobody knows what was written: that is news too.
                    if let Some(news) = News::of(since) {
                        let _ = self.news.send(Arc::new(news));
                    }
                    seen = Some(at);
                }
                Ok(Err(error)) => tracing::warn!(%error, "what others do cannot be followed"),
                Err(_) => return,
            }
        }
    }
}

/// One who listens.
pub struct Listener {
    news: Receiver<Arc<News>>,
    over: watch::Receiver<bool>,
}

/// What one hears.
pub enum Heard {
    News(Arc<News>),
    /// For a while nothing.
    Nothing,
    /// The server stops.
    Over,
}

impl Listener {
    /// Waits for the next news, at most so long.
    pub async fn next(&mut self, patience: Duration) -> Heard {
        tokio::select! {
            _ = self.over.wait_for(|over| *over) => Heard::Over,
            heard = tokio::time::timeout(patience, self.news.recv()) => match heard {
                Err(_) => Heard::Nothing,
                Ok(Ok(news)) => Heard::News(news),
                Ok(Err(RecvError::Lagged(_))) => Heard::News(Arc::new(News::many())),
                Ok(Err(RecvError::Closed)) => Heard::Over,
            },
        }
    }
}

/// `GET /events`: server-sent events for whoever is signed in.
pub async fn events(live: Data<Live>, _caller: Caller) -> HttpResponse {
    let began = Instant::now();
    // Whatever happened while the page was drawn and nobody listened.
    let first = Bytes::from([b"retry: 1000\n", News::many().event().as_ref()].concat());
    let stream = unfold((live.listen(), Some(first)), move |(mut listener, first)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, Infallible>(first), (listener, None)));
        }
        if began.elapsed() > LIFE {
            return None;
        }
        match listener.next(PULSE).await {
            Heard::News(news) => Some((Ok(news.event()), (listener, None))),
            Heard::Nothing => Some((Ok(Bytes::from_static(b": \n\n")), (listener, None))),
            Heard::Over => None,
        }
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // Packed, it would wait until there is enough to pack; and proxies are asked not to collect it either.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::changes::Change;

    #[test]
    fn news_say_which_and_beyond_a_few_only_that_there_are_many() {
        let change = |source, key, customers| Change { source, key, customers };
        let some = vec![change(source::CONVERSATIONS, 7, Some(vec![3])), change(source::TAGGINGS, 1, Some(vec![4]))];
        let news = News::of(Since::Changes(some)).expect("news");
        assert_eq!(news.event(), Bytes::from("data: {\"conversations\":[7],\"customers\":[3,4]}\n\n"));
        let many = vec![change(source::CUSTOMERS, 1, Some((0..1000).collect()))];
        assert_eq!(News::of(Since::Changes(many)).expect("news").customers, None);
        assert_eq!((News::of(Since::Lost), News::of(Since::Same)), (Some(News::many()), None));
    }
}
