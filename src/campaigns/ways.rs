//! How messages leave, as it is configured: a mail server, gateways, or a folder where they can be looked at.

use super::delivery::{Failure, Sent};
use super::desk::{Claim, Terms};
use super::launch::Guards;
use super::mail::{self, Transport};
use super::message::{self, Content, Person, Rendered};
use super::token::Token;
use super::webhook::{About, Gateway, Outgoing};
use super::{Campaign, key::Key};
use crate::config::Config;
use crate::customers::Channel;
use crate::db::Db;
use chrono::{TimeDelta, Utc};
use std::path::PathBuf;

/// A message that is ready to go.
struct Letter<'a> {
    /// In brackets.
    id: &'a str,
    to_name: Option<&'a str>,
    to: &'a str,
    rendered: &'a Rendered,
}

/// What an agent wrote in a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub conversation: i64,
    pub message: i64,
    pub channel: Channel,
    pub to_name: Option<&'a str>,
    pub to: &'a str,
    /// Of an email.
    pub subject: &'a str,
    pub text: &'a str,
    /// The email it answers, by its id without brackets.
    pub in_reply_to: Option<&'a str>,
}

/// Made once, when the server starts.
pub struct Ways {
    mail: Transport,
    from: String,
    /// What ids of messages end with.
    domain: String,
    sms: Option<Gateway>,
    whatsapp: Option<Gateway>,
    outbox: PathBuf,
    /// Where people find this Muster.
    base: String,
    pub terms: Terms,
    pub guards: Guards,
    pub senders: usize,
}

impl Ways {
    /// As configured, or the sentence that says what is wrong with it.
    pub fn of(config: &Config, db: &Db) -> Result<Ways, String> {
        let Config { sending, .. } = config;
        let outbox = sending.outbox.clone().unwrap_or_else(|| config.beside(db).join("muster-outbox"));
        let gateway = |url: &Option<String>| match url {
            Some(url) => {
                let secret = sending.gateway_secret.as_deref().unwrap_or_default();
                Gateway::new(url, secret, sending.gateway_hosts.clone()).map(Some)
            }
            None => Ok(None),
        };
        let address = sending.mail_from.rsplit_once('@').map(|(_, domain)| domain.trim_end_matches(['>', ' ']));
        Ok(Ways {
            mail: match &sending.smtp_url {
                Some(url) => Transport::smtp(url, sending.senders)?,
                None => Transport::Outbox(outbox.clone()),
            },
            domain: address.filter(|domain| !domain.is_empty()).unwrap_or("localhost").to_string(),
            from: sending.mail_from.clone(),
            sms: gateway(&sending.sms_gateway)?,
            whatsapp: gateway(&sending.whatsapp_gateway)?,
            outbox,
            base: match &config.base_url {
                Some(base) => base.trim_end_matches('/').to_string(),
                None => format!("http://{}", config.listen),
            },
            terms: Terms {
                rates: [sending.email_rate, sending.sms_rate, sending.whatsapp_rate],
                patience: TimeDelta::seconds(i64::from(sending.retry_after)),
            },
            guards: Guards { drift: sending.drift, typed: sending.typed_share },
            senders: sending.senders as usize,
        })
    }

    /// What a campaign over this channel goes out by, in words.
    pub fn words(&self, channel: Channel) -> String {
        let folder = || format!("the outbox folder {}", self.outbox.display());
        match channel {
            Channel::Email if matches!(self.mail, Transport::Smtp(_)) => format!("mail from {}", self.from),
            Channel::Sms if self.sms.is_some() => "the SMS gateway".into(),
            Channel::Whatsapp if self.whatsapp.is_some() => "the WhatsApp gateway".into(),
            _ => folder(),
        }
    }

    /// The links a message has, for one of its recipients.
    pub fn link(&self, person: &mut Person, campaign: i64, customer: i64, channel: Channel, key: &Key) {
        let token = Token { campaign, customer, channel }.seal(key);
        person.unsubscribe_url = format!("{}/unsubscribe/{token}", self.base);
        person.preferences_url = format!("{}/unsubscribe/{token}#channels", self.base);
    }

    /// Writes to one person, once.
    pub fn send(
        &self,
        campaign: &Campaign,
        content: &Content,
        claim: &Claim,
        person: &Person,
        key: &Key,
    ) -> Result<Sent, Failure> {
        let rendered = message::render(content, person).map_err(|problem| Failure::Permanent(problem.to_string()))?;
        let id = mail::message_id(key.for_messages(), claim.campaign, claim.customer, &self.domain);
        let letter = Letter { id: &id, to_name: claim.name.as_deref(), to: &claim.address, rendered: &rendered };
        self.post(campaign, &letter, person)
    }

    /// Sends it to whoever writes it, as `person` would get it. It is nobody's message: its id is its own, and its links
    /// are nobody's.
    pub fn try_out(&self, campaign: &Campaign, person: &Person, to: &str) -> Result<Sent, Failure> {
        let rendered =
            message::render(&campaign.content(), person).map_err(|problem| Failure::Permanent(problem.to_string()))?;
        let rendered = Rendered { subject: format!("Test: {}", rendered.subject), ..rendered };
        let id = format!("<test-{:016x}{:016x}@{}>", fastrand::u64(..), fastrand::u64(..), self.domain);
        self.post(campaign, &Letter { id: &id, to_name: None, to, rendered: &rendered }, person)
    }

    fn post(&self, campaign: &Campaign, letter: &Letter<'_>, person: &Person) -> Result<Sent, Failure> {
        let Letter { id, to_name, to, rendered } = *letter;
        if campaign.channel() == Channel::Email {
            let envelope = mail::Envelope {
                from: &self.from,
                to_name,
                to,
                rendered,
                message_id: id,
                unsubscribe_url: &person.unsubscribe_url,
                campaign: campaign.id,
            };
            let mail = mail::compose(&envelope).map_err(|problem| Failure::Permanent(problem.to_string()))?;
            return self.mail.send(&mail);
        }
        let outgoing = Outgoing {
            id: id.trim_matches(['<', '>']),
            about: About::Campaign(campaign.id),
            channel: campaign.channel(),
            to,
            text: &rendered.text,
            sent_at: Utc::now().naive_utc(),
        };
        self.pass_on(&outgoing)
    }

    fn pass_on(&self, outgoing: &Outgoing<'_>) -> Result<Sent, Failure> {
        let gateway = if outgoing.channel == Channel::Sms { &self.sms } else { &self.whatsapp };
        match gateway {
            Some(gateway) => gateway.send(outgoing),
            None => self.keep(outgoing),
        }
    }

    /// Carries what an agent wrote to the customer, once. An answer to it leads back to its conversation.
    pub fn answer(&self, answer: &Answer<'_>, key: &Key) -> Result<Sent, Failure> {
        let id = mail::message_id(key.for_answers(), answer.conversation, answer.message, &self.domain);
        if answer.channel == Channel::Email {
            let mail =
                mail::answer(&self.from, &id, answer).map_err(|problem| Failure::Permanent(problem.to_string()))?;
            return self.mail.send(&mail);
        }
        self.pass_on(&Outgoing {
            id: id.trim_matches(['<', '>']),
            about: About::Conversation(answer.conversation),
            channel: answer.channel,
            to: answer.to,
            text: answer.text,
            sent_at: Utc::now().naive_utc(),
        })
    }

    /// A text message that has no gateway, as a file.
    fn keep(&self, message: &Outgoing<'_>) -> Result<Sent, Failure> {
        let folder = self.outbox.join(match message.about {
            About::Campaign(id) => id.to_string(),
            About::Conversation(_) => mail::ANSWERS.to_string(),
        });
        let name: String = message.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let write = || {
            std::fs::create_dir_all(&folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            std::io::Write::write_all(&mut file, message.body().as_bytes())?;
            file.persist(folder.join(format!("{name}.json"))).map_err(|error| error.error)
        };
        match write() {
            Ok(_) => Ok(Sent { said: "in the outbox".into() }),
            Err(error) => Err(Failure::Temporary(format!("the outbox cannot be written: {error}"))),
        }
    }
}
