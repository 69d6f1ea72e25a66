//! Which mail server, and how one gets in: what the address in the settings says.

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::{Error, extension::ClientId};
use percent_encoding::percent_decode_str;
use std::{fs, time::Duration};
use url::{Host, Url};

pub struct Server {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    /// How we introduce ourselves.
    name: ClientId,
}

enum Security {
    None,
    /// Plain at first, then TLS or nothing.
    StartTls(TlsParameters),
    /// TLS if the server offers it.
    IfOffered(TlsParameters),
    Tls(TlsParameters),
}

impl Server {
    /// `scheme://user:password@host:port/our-name?tls=required|opportunistic|none&ca=/path/of/our/ca.pem`
    pub fn parse(address: &str) -> Result<Server, String> {
        let url =
            Url::parse(address).map_err(|error| format!("The address of the mail server cannot be read: {error}."))?;
        let said = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) if !host.to_string().is_empty() => host.to_string(),
            _ => return Err("The address of the mail server has no host.".into()),
        };
        let credentials = credentials(&url)?;
        let tls = || parameters(&host, said("ca"));
        let (security, port) = match (url.scheme(), said("tls").as_deref()) {
            ("smtps", None | Some("required")) => (Security::Tls(tls()?), 465),
            ("smtp", Some("required")) => (Security::StartTls(tls()?), 587),
            ("smtp", Some("opportunistic")) => (Security::IfOffered(tls()?), 587),
            ("smtp", None) if credentials.is_some() && !is_here(&host) => {
                return Err(
                    "The password of the mail server would travel in clear. Use smtps://, or add ?tls=required \
                            to its address; ?tls=none says that it is meant."
                        .into(),
                );
            }
            ("smtp", None | Some("none")) => (Security::None, 25),
            ("smtp" | "smtps", Some(tls)) => {
                return Err(format!("tls={tls} is none of required, opportunistic, none."));
            }
            (scheme, _) => return Err(format!("A mail server begins with smtp:// or smtps://, not {scheme}://.")),
        };
        let name = url.path().trim_matches('/');
        let name = if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_string()) };
        Ok(Server { port: url.port().unwrap_or(port), host, security, credentials, name })
    }

    /// A connection on which a message can be sent at once.
    pub fn connect(&self, patience: Duration) -> Result<SmtpConnection, Error> {
        let tls = match &self.security {
            Security::Tls(parameters) => Some(parameters),
            _ => None,
        };
        let server = (self.host.as_str(), self.port);
        let mut connection = SmtpConnection::connect(server, Some(patience), &self.name, tls, None)?;
        match &self.security {
            Security::StartTls(parameters) => connection.starttls(parameters, &self.name)?,
            Security::IfOffered(parameters) if connection.can_starttls() => {
                connection.starttls(parameters, &self.name)?
            }
            _ => {}
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials)?;
        }
        Ok(connection)
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, String> {
    let Some(password) = url.password() else { return Ok(None) };
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err("The user or the password of the mail server is no text.".to_string()),
    };
    Ok(Some(Credentials::new(decoded(url.username())?, decoded(password)?)))
}

/// Trusted are the authorities of the web, and one of one's own if its file is named.
fn parameters(host: &str, authority: Option<String>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.to_string());
    if let Some(path) = authority {
        let file = fs::read(&path).map_err(|error| format!("{path} cannot be read: {error}."))?;
        let certificate =
            Certificate::from_pem(&file).map_err(|error| format!("{path} holds no certificate: {error}."))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| format!("TLS cannot be used: {error}."))
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
