//! The threads that send. One sits at the desk: in each transaction it hands in what the others have done and takes as many
//! new claims as there are idle hands. So a claim is committed before its message goes, and each of the others has one
//! message on the way at most.

use super::desk::{self, Claim, Desk, Done};
use super::key::Key;
use super::message::{Content, Person};
use super::ways::Ways;
use super::{Campaign, key};
use crate::custom_fields::{self, CustomField};
use crate::customers::Customer;
use crate::db::dialect;
use crate::db::nodes::Among;
use crate::db::schema::customers;
use crate::db::{Conn, Db, Trouble};
use crate::jobs;
use crate::workspace::{Workspace, stamp};
use chrono::Utc;
use diesel::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How often it is looked for work while there is none, and for results while there is.
const IDLE: Duration = Duration::from_millis(300);
const BUSY: Duration = Duration::from_millis(2);
/// The wait after the database was away.
const AWAY: Duration = Duration::from_millis(500);
/// How often claims are renewed, and those of others looked through: well before any is taken for lost.
const RENEWED: Duration = Duration::from_secs(4);

/// A message to be sent.
struct Order {
    campaign: Arc<(Campaign, Content)>,
    claim: Claim,
    person: Person,
}

/// Sends while it is kept. Dropped, it takes no more and waits for what is on the way.
pub struct Senders {
    stop: Arc<AtomicBool>,
    desk: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(desk) = self.desk.take() {
            let _ = desk.join();
        }
    }
}

/// Begins to send whatever is launched, here or by other processes.
pub fn start(db: Db, ways: Arc<Ways>) -> std::io::Result<Senders> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let desk = std::thread::Builder::new().name("campaigns".into()).spawn(move || sit(&db, &ways, &stopped))?;
    Ok(Senders { stop, desk: Some(desk) })
}

fn sit(db: &Db, ways: &Arc<Ways>, stop: &AtomicBool) {
    let holder = jobs::holder();
    std::thread::scope(|scope| {
        let (done, results) = channel();
        let mut hands: Vec<Sender<(Order, Arc<Key>)>> = Vec::new();
        for number in 0..ways.senders {
            let (give, take) = channel();
            hands.push(give);
            let done = done.clone();
            scope.spawn(move || work(number, &take, &done, ways));
        }
        let idle = (0..hands.len()).collect();
        let (away, known) = (HashMap::new(), HashMap::new());
        Round { db, ways, holder: &holder, hands: &hands, idle, away, unheard: false, known }.all(&results, stop);
    });
}

fn work(number: usize, orders: &Receiver<(Order, Arc<Key>)>, done: &Sender<(usize, Claim, Done)>, ways: &Ways) {
    while let Ok((order, key)) = orders.recv() {
        let Order { campaign, claim, person } = order;
        let sent = ways.send(&campaign.0, &campaign.1, &claim, &person, &key);
        if done.send((number, claim, sent)).is_err() {
            return;
        }
    }
}

struct Round<'a> {
    db: &'a Db,
    ways: &'a Ways,
    holder: &'a str,
    hands: &'a [Sender<(Order, Arc<Key>)>],
    /// Hands that have nothing to do.
    idle: Vec<usize>,
    /// Campaign and customer of the messages that the others have on the way.
    away: HashMap<usize, (i64, i64)>,
    /// The database may have kept a claim without being able to say so.
    unheard: bool,
    /// What campaigns say: it does not change once they are sent.
    known: HashMap<i64, Arc<(Campaign, Content)>>,
}

impl Round<'_> {
    fn all(&mut self, results: &Receiver<(usize, Claim, Done)>, stop: &AtomicBool) {
        let mut done: Vec<(Claim, Done)> = Vec::new();
        let (mut renewed, mut dry) = (Instant::now(), true);
        loop {
            let stopping = stop.load(Ordering::Acquire);
            if stopping && self.away.is_empty() && done.is_empty() {
                return;
            }
            let wait = if stopping || (!self.away.is_empty() && !dry) { BUSY } else { IDLE };
            self.gather(&mut done, results, wait);
            let renew = renewed.elapsed() >= RENEWED;
            let nothing = match self.idle.len() {
                0 => !renew,
                idle => idle == self.hands.len() && !self.unheard && !self.has_work(),
            };
            if done.is_empty() && nothing {
                continue;
            }
            let most = if stopping { 0 } else { self.idle.len() };
            match self.sit_down(&done, most, renew) {
                Ok((orders, key)) => {
                    done.clear();
                    self.unheard = false;
                    renewed = if renew { Instant::now() } else { renewed };
                    // Nobody else is due: no use in asking at once again.
                    dry = orders.len() < most;
                    for order in orders {
                        let Some(hand) = self.idle.pop() else { break };
                        self.away.insert(hand, (order.claim.campaign, order.claim.customer));
                        if self.hands[hand].send((order, key.clone())).is_err() {
                            return;
                        }
                    }
                }
                Err(trouble) => {
                    // What was sent is remembered here until it can be written down.
                    tracing::warn!(%trouble, "what was sent cannot be written down just now; it is tried again");
                    // One that others were in the way of was taken back, and is tried at once.
                    if !dialect::collided(&trouble) {
                        self.unheard = true;
                        std::thread::sleep(AWAY);
                    }
                    if stopping && self.away.is_empty() {
                        return;
                    }
                }
            }
        }
    }

    /// Whatever is done by now, or what is first.
    fn gather(&mut self, done: &mut Vec<(Claim, Done)>, results: &Receiver<(usize, Claim, Done)>, wait: Duration) {
        let mut next = results.recv_timeout(wait).ok();
        while let Some((hand, claim, sent)) = next {
            self.idle.push(hand);
            self.away.remove(&hand);
            done.push((claim, sent));
            next = results.try_recv().ok();
        }
    }

    fn has_work(&self) -> bool {
        let now = stamp(Utc::now());
        self.db.read_now::<_, Trouble>(|conn| Ok(desk::has_work(now, conn)?)).unwrap_or(false)
    }

    /// One transaction at the desk.
    fn sit_down(
        &mut self,
        done: &[(Claim, Done)],
        most: usize,
        renew: bool,
    ) -> Result<(Vec<Order>, Arc<Key>), Trouble> {
        let (ways, holder) = (self.ways, self.holder);
        let away: Option<Vec<_>> = self.unheard.then(|| self.away.values().copied().collect());
        let known = &mut self.known;
        self.db.write_now::<_, Trouble>(|conn| {
            let now = stamp(Utc::now());
            let key = Arc::new(key(conn)?);
            let desk = Desk { holder, key: &key, terms: &ways.terms };
            desk.open(conn)?;
            desk.settle(done, now, conn)?;
            if let Some(away) = &away {
                desk.give_back(away, conn)?;
            }
            if renew {
                desk.renew(now, conn)?;
                desk::give_up_lost(now, conn)?;
            }
            let claims = desk.claim(most, now, conn)?;
            if claims.len() < most {
                desk::finish(now, conn)?;
            }
            let orders = orders(claims, known, ways, &key, conn)?;
            Ok((orders, key))
        })
    }
}

fn orders(
    claims: Vec<Claim>,
    known: &mut HashMap<i64, Arc<(Campaign, Content)>>,
    ways: &Ways,
    key: &Key,
    conn: &mut Conn,
) -> Result<Vec<Order>, Trouble> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let customers: Vec<i64> = claims.iter().map(|claim| claim.customer).collect();
    let mut people = people(&customers, conn)?;
    let mut orders = Vec::new();
    for claim in claims {
        if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(claim.campaign) {
            let campaign = Campaign::find(claim.campaign, conn)?.ok_or(diesel::result::Error::NotFound)?;
            let content = campaign.content();
            entry.insert(Arc::new((campaign, content)));
        }
        let campaign = known[&claim.campaign].clone();
        let mut person = people.remove(&claim.customer).unwrap_or_default();
        ways.link(&mut person, claim.campaign, claim.customer, campaign.0.channel(), key);
        orders.push(Order { campaign, claim, person });
    }
    Ok(orders)
}

/// What messages may say about these customers, by id. The links are not in it.
pub fn people(ids: &[i64], conn: &mut Conn) -> diesel::QueryResult<HashMap<i64, Person>> {
    let workspace = Workspace::load(conn)?;
    let fields = CustomField::all(conn)?;
    let mut values = custom_fields::of_customers(ids, conn)?;
    let mut people = HashMap::new();
    let these = customers::table.filter(Among { column: "customers.id", ids: ids.to_vec() });
    for customer in these.select(Customer::as_select()).load::<Customer>(conn)? {
        let id = customer.id;
        let own = values.remove(&id).unwrap_or_default();
        let custom =
            fields.iter().filter_map(|field| Some((field.key.clone(), field.to_json(own.get(&field.id)?)))).collect();
        let Customer { name, email, phone, external_id, country, city, language, .. } = customer;
        let person = Person {
            name,
            email,
            phone,
            external_id,
            country,
            city,
            language,
            custom,
            workspace_name: workspace.name.clone(),
            ..Person::default()
        };
        people.insert(id, person);
    }
    Ok(people)
}
