//! What she agrees to when two records of her become one: the stricter of both, channel by channel.
//!
//! *Opted out* is stricter than *unknown*, and *unknown* stricter than *opted in*: nobody gets a message because one of two
//! records said yes and the other was never asked. Only who cannot be reached by a channel and never said anything about
//! it has no say there: a record without an email address takes no opt-in away.

use crate::customers::{Channel, Consent, Consents, Customer};

/// What one of the two says about a channel; `None` when she has no say.
fn said(channel: Channel, customer: &Customer, consents: &Consents) -> Option<Consent> {
    let reachable = match channel {
        Channel::Email => customer.email.is_some(),
        Channel::Sms | Channel::Whatsapp => customer.phone.is_some(),
    };
    let said = consents.said(channel).map(|said| said.consent);
    said.or(reachable.then_some(Consent::Unknown))
}

fn strictness(consent: Consent) -> u8 {
    match consent {
        Consent::OptedIn => 0,
        Consent::Unknown => 1,
        Consent::OptedOut => 2,
    }
}

/// What holds for both afterwards.
pub fn stricter(channel: Channel, hers: (&Customer, &Consents), other: (&Customer, &Consents)) -> Consent {
    let said = [hers, other].into_iter().filter_map(|(customer, consents)| said(channel, customer, consents));
    said.max_by_key(|consent| strictness(*consent)).unwrap_or_default()
}
