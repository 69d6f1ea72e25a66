//! Long work in short transactions: as many steps in each as others may wait for. Whoever else wants to write gets a turn
//! in between; a step that others were in the way of is tried again; a step that the database takes offence at is taken
//! apart, so that what it refuses is passed over by itself and nothing else suffers for it.

use crate::db::dialect::{self, collided, refused};
use crate::db::{Conn, Db, Trouble};
use std::time::{Duration, Instant};

/// Work that is done in steps, each of which keeps in the database how far it is.
pub trait Steps {
    type Error: From<Trouble>;

    const SIZES: Sizes;

    /// Before a transaction, while nothing is locked: waits for as many as a step takes. False when none are left.
    fn ready(&mut self, _size: usize) -> Result<bool, Self::Error> {
        Ok(true)
    }

    /// Does the next `size` of them, or what there is. What it did may be taken back; then it is asked to be
    /// [`ready`](Steps::ready) again before the next.
    fn step(&mut self, size: usize, conn: &mut Conn) -> Result<Step, Trouble>;

    /// All steps since it was ready are kept.
    fn kept(&mut self, _conn: &mut Conn) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Tells that the next one is left out, which the database refuses.
    fn pass_over(&mut self, trouble: &Trouble, conn: &mut Conn) -> Result<(), Trouble>;
}

/// How many the first step takes, and the least and the most that one takes later. A step has its own cost, however few it
/// takes: with less than the least, little else would be done.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub first: usize,
    pub least: usize,
    pub most: usize,
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq)]
pub enum Step {
    /// As many as asked for, and there may be more.
    More,
    /// All that was ready.
    Pause,
    /// There are no more.
    Over,
    /// It is not this process's affair any more.
    Taken,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Over,
    Taken,
}

/// How often a step is tried that others were in the way of.
const ATTEMPTS: u32 = 200;

/// Others who wait for the lock are let in as often as this, even if nobody is known to wait: they may be another process.
const UNRESTED: Duration = Duration::from_millis(300);

/// Nobody is likely to want to write when nobody has for so long: since this began, and after somebody has.
const QUIET: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// Does all steps, one transaction after the other, until there are no more or somebody else takes them over.
pub fn carry<S: Steps>(work: &mut S, db: &Db, conn: &mut Conn) -> Result<End, S::Error> {
    let (manners, following) = (dialect::manners(conn), db.following());
    let mut pace = Pace::new(manners.batch, S::SIZES);
    // How many are still to be done one step at a time, after one that the database refused.
    let (mut attempts, mut careful) = (0, 0usize);
    let (mut others, mut rested) = (Others::new(conn)?, Instant::now());
    loop {
        if !work.ready(pace.size)? {
            return Ok(End::Over);
        }
        let alone = careful == 0 && attempts == 0 && others.are_quiet(conn)?;
        let longest = if alone { manners.longest } else { Duration::ZERO };
        let turn = following.turn();
        // Others wait from when the lock is had until everything is kept.
        let (mut began, mut asked, mut steps) = (Instant::now(), 0usize, 0);
        let done = db.write_on::<_, Trouble>(conn, |conn| {
            began = Instant::now();
            loop {
                let this = Instant::now();
                asked += pace.size;
                let step = work.step(pace.size, conn)?;
                steps += 1;
                if step != Step::More || following.is_awaited() || began.elapsed() >= longest {
                    return Ok(step);
                }
                pace.took(this.elapsed());
            }
        });
        match done {
            Ok(Step::Over) => {
                work.kept(conn)?;
                return Ok(End::Over);
            }
            Ok(Step::Taken) => return Ok(End::Taken),
            Ok(step) => {
                // What it takes to keep a step is a part of it.
                if steps == 1 && step == Step::More {
                    pace.took(began.elapsed());
                }
                (attempts, careful) = (0, careful.saturating_sub(asked));
                work.kept(conn)?;
            }
            Err(trouble) if collided(&trouble) && attempts < ATTEMPTS => {
                attempts += 1;
                pace.less();
            }
            // One of them is what the database takes offence at: the others shall not suffer for it.
            Err(trouble) if refused(&trouble) && asked > 1 => {
                (attempts, careful) = (0, careful.max(asked));
                pace.size = 1;
            }
            // Somebody else may have taken a key in between: looking again finds her.
            Err(trouble) if refused(&trouble) && attempts == 0 => attempts = 1,
            Err(trouble) if refused(&trouble) => {
                work.ready(1)?;
                db.write_on::<_, Trouble>(conn, |conn| work.pass_over(&trouble, conn))?;
                work.kept(conn)?;
                attempts = 0;
            }
            Err(trouble) => return Err(trouble.into()),
        }
        if !alone || following.is_awaited() || rested.elapsed() > UNRESTED {
            turn.rest(manners.rest);
            rested = Instant::now();
        } else {
            drop(turn);
        }
        following.let_follow();
    }
}

/// Whether anybody else writes, of this process or another one.
struct Others {
    /// What the database said last.
    seen: i64,
    /// When it said something new,
    heard: Instant,
    /// and for how long it should say nothing else.
    quiet: Duration,
}

impl Others {
    fn new(conn: &mut Conn) -> Result<Others, Trouble> {
        Ok(Others { seen: dialect::others_wrote(conn)?, heard: Instant::now(), quiet: QUIET[0] })
    }

    fn are_quiet(&mut self, conn: &mut Conn) -> Result<bool, Trouble> {
        let said = dialect::others_wrote(conn)?;
        if self.seen != said {
            *self = Others { seen: said, heard: Instant::now(), quiet: QUIET[1] };
        }
        Ok(self.heard.elapsed() > self.quiet)
    }
}

/// How many a step takes: as many as the last one shows to fit into the time that others may wait.
struct Pace {
    size: usize,
    least: usize,
    most: usize,
    aim: Duration,
}

impl Pace {
    fn new(aim: Duration, sizes: Sizes) -> Pace {
        Pace { size: sizes.first, least: sizes.least, most: sizes.most, aim }
    }

    fn took(&mut self, time: Duration) {
        let fits = self.size as f64 * self.aim.as_secs_f64() / time.as_secs_f64().max(0.000_1);
        // It grows carefully, and shrinks at once.
        let most = self.size.saturating_mul(2);
        self.size = (fits as usize).clamp(self.least.min(most), most).min(self.most);
    }

    /// Others were in the way.
    fn less(&mut self) {
        self.size = (self.size / 2).max(self.least.min(self.size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_as_long_as_others_may_wait() {
        let mut pace = Pace::new(Duration::from_millis(50), Sizes { first: 200, least: 100, most: 10_000 });
        pace.took(Duration::from_millis(5));
        assert_eq!(pace.size, 400, "it grows carefully");
        pace.took(Duration::from_millis(160));
        assert_eq!(pace.size, 125, "and shrinks at once");
        pace.took(Duration::from_secs(60));
        assert_eq!(pace.size, 100, "but something is done each time");
        pace.size = 1;
        pace.took(Duration::from_secs(60));
        assert_eq!(pace.size, 2, "after one by herself it feels its way");
        (0..40).for_each(|_| pace.took(Duration::ZERO));
        assert_eq!(pace.size, 10_000);
    }
}
