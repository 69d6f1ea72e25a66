//! The page behind the link in every message. Looking at it changes nothing; one button, or one request of a mail program
//! (RFC 8058), and she gets nothing more over this channel. Nobody has to sign in.

use super::optout::{self, Holder};
use super::token::Token;
use super::views::LeavePage;
use super::{key, token};
use crate::customers::{Channel, Consent};
use crate::db::{Conn, Db};
use crate::web::{self, Chrome, Error, see_other};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

/// A link that was cut off or made up says nothing about anybody.
fn opened(text: &str, conn: &mut Conn) -> Result<(Token, super::key::Key), Error> {
    let key = key(conn).map_err(|_| Error::NotFound("link"))?;
    let token = token::Token::open(text, &key).ok_or(Error::NotFound("link"))?;
    Ok((token, key))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Place {
    done: Option<String>,
}

/// `GET /unsubscribe/{token}`
pub async fn show(
    db: Data<Db>,
    chrome: Chrome,
    text: Path<String>,
    place: Query<Place>,
) -> Result<HttpResponse, Error> {
    let text = text.into_inner();
    let done = place.done.is_some();
    let page = db
        .read(move |conn| {
            let (token, _) = opened(&text, conn)?;
            let chrome = Chrome { workspace: Workspace::load(conn)?.name, ..chrome };
            let channels = Holder::of(&token, conn)?.channels;
            Ok::<_, Error>(LeavePage { chrome, token: text, channel: token.channel, channels, done })
        })
        .await?;
    web::show(&page)
}

/// `POST /unsubscribe/{token}`: all of the channel (`List-Unsubscribe=One-Click`, or the button), or what she chose for
/// each channel.
pub async fn leave(db: Data<Db>, text: Path<String>, body: String) -> Result<HttpResponse, Error> {
    let text = text.into_inner();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let has = |name: &str, value: &str| pairs.iter().any(|(key, given)| key == name && given == value);
    let (chosen, one_click) = (has("do", "choose"), has("List-Unsubscribe", "One-Click"));
    let wanted: Vec<Channel> = Channel::ALL.into_iter().filter(|channel| has("channel", channel.key())).collect();
    let opened_text = text.clone();
    db.write(move |conn| {
        let (token, key) = opened(&opened_text, conn)?;
        let at = Workspace::load(conn)?.clock().stamp();
        if !chosen {
            return Ok::<_, Error>(optout::leave(&token, &key, at, conn)?);
        }
        for (channel, before) in Holder::of(&token, conn)?.channels {
            let consent = if wanted.contains(&channel) { Consent::OptedIn } else { Consent::OptedOut };
            // Who never said anything and says nothing now has still said nothing.
            if consent == before || (before == Consent::Unknown && consent == Consent::OptedOut) {
                continue;
            }
            match (consent, channel == token.channel) {
                (Consent::OptedOut, true) => optout::leave(&token, &key, at, conn)?,
                _ => optout::say(&token, channel, consent, &key, at, conn)?,
            }
        }
        Ok(())
    })
    .await?;
    // A mail program wants no page and follows nothing.
    if one_click {
        return Ok(HttpResponse::Ok().finish());
    }
    Ok(see_other(&format!("/unsubscribe/{text}?done=1")))
}
