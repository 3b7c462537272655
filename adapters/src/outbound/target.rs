//! From the text of a URL to what a request needs, parsed once.
//!
//! The same parsed value is checked and connected to, so that no second parser can read it in
//! another way. Must not ask DNS.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

use super::policy::Policy;

/// Longest URL in bytes, as given and as normalised.
const LONGEST: usize = 2048;
/// Longest name in DNS, without the final dot.
const LONGEST_NAME: usize = 253;
/// Longest label of a name in DNS.
const LONGEST_LABEL: usize = 63;
/// Zones that have no public hosts, whatever a resolver says.
const LOCAL_ZONES: [&str; 12] = [
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
];

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// It has more than 2,048 bytes.
    #[error("url is longer than 2048 bytes")]
    TooLong,
    /// It isn't a URL, or holds spaces, control characters or backslashes.
    #[error("url is not well formed")]
    Malformed,
    /// Its scheme isn't allowed.
    #[error("url has a scheme that is not allowed")]
    Scheme,
    /// It holds a user name or a password.
    #[error("url holds a user name or password")]
    UserInfo,
    /// It has a fragment.
    #[error("url has a fragment")]
    Fragment,
    /// It has no host, or one that can't be a name in DNS.
    #[error("url has no valid host")]
    Host,
    /// Its port isn't allowed.
    #[error("url has a port that is not allowed")]
    Port,
    /// Its host is a name that has no public address.
    #[error("url has a host name that is not public")]
    LocalName,
    /// Its host is an address that isn't allowed.
    #[error("url has an address that is not allowed")]
    Address,
}

/// Where requests go: a URL that was checked.
#[derive(Debug, Clone)]
pub struct Target {
    pub(crate) https: bool,
    pub(crate) place: Place,
    pub(crate) port: u16,
    /// The normal form.
    pub(crate) text: Arc<str>,
    /// Path and query.
    pub(crate) uri: Uri,
    /// Value of the `Host` header.
    pub(crate) authority: HeaderValue,
    pub(crate) server_name: ServerName<'static>,
}

/// The host of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A name in lower-case ASCII, with its final dot: no search domain is ever appended.
    Name(Arc<str>),
    Address(IpAddr),
}

impl Target {
    /// Returns the host: a name without its final dot, or an address without brackets.
    pub fn host(&self) -> String {
        match &self.place {
            Place::Name(name) => name.trim_end_matches('.').to_owned(),
            Place::Address(address) => address.to_string(),
        }
    }

    /// Returns the port, also if the URL doesn't name it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Checks against `policy` all that can be checked without DNS.
    pub(crate) fn check(&self, policy: &Policy) -> Result<(), UrlRefused> {
        if policy.https_only && !self.https {
            return Err(UrlRefused::Scheme);
        }
        if !policy.allows_port(self.port) {
            return Err(UrlRefused::Port);
        }
        match &self.place {
            Place::Name(name) if policy.public_only && is_local(name) => Err(UrlRefused::LocalName),
            Place::Address(address) if !policy.allows(*address) => Err(UrlRefused::Address),
            Place::Name(_) | Place::Address(_) => Ok(()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Target {}

/// Parses `text`, and checks it against `policy`.
pub(crate) fn parse(text: &str, policy: &Policy) -> Result<Target, UrlRefused> {
    let https = check_text(text)?;
    let mut url = Url::parse(text).map_err(|error| match error {
        url::ParseError::InvalidPort => UrlRefused::Port,
        url::ParseError::RelativeUrlWithoutBase => UrlRefused::Malformed,
        _ => UrlRefused::Host,
    })?;
    // The text was checked for these; this checks what the parser made of it.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefused::UserInfo);
    }
    let place = match url.host() {
        Some(Host::Ipv4(address)) => Place::Address(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Place::Address(IpAddr::V6(address)),
        Some(Host::Domain(name)) => Place::Name(absolute(name)?),
        None => return Err(UrlRefused::Host),
    };
    if let Place::Name(name) = &place {
        let name = name.trim_end_matches('.');
        url.set_host(Some(name)).map_err(|_error| UrlRefused::Host)?;
    }
    let target = assemble(&url, https, place)?;
    target.check(policy)?;
    Ok(target)
}

fn assemble(url: &Url, https: bool, place: Place) -> Result<Target, UrlRefused> {
    if url.as_str().len() > LONGEST {
        return Err(UrlRefused::TooLong);
    }
    let host = url.host_str().ok_or(UrlRefused::Host)?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let server_name = match &place {
        Place::Address(address) => ServerName::from(*address),
        Place::Name(_) => {
            ServerName::try_from(host.to_owned()).map_err(|_error| UrlRefused::Host)?
        }
    };
    Ok(Target {
        https,
        place,
        port: url.port_or_known_default().ok_or(UrlRefused::Port)?,
        text: Arc::from(url.as_str()),
        uri: Uri::from_str(path).map_err(|_error| UrlRefused::Malformed)?,
        authority: HeaderValue::from_str(&authority).map_err(|_error| UrlRefused::Host)?,
        server_name,
    })
}

/// Refuses in the raw text what a lenient parser would remove, repair or swap. Returns whether
/// the scheme is `https`.
fn check_text(text: &str) -> Result<bool, UrlRefused> {
    if text.len() > LONGEST {
        return Err(UrlRefused::TooLong);
    }
    let odd = |letter: char| letter.is_control() || letter.is_whitespace() || letter == '\\';
    if text.contains(odd) {
        return Err(UrlRefused::Malformed);
    }
    let (scheme, rest) = text.split_once(':').ok_or(UrlRefused::Malformed)?;
    let https = scheme.eq_ignore_ascii_case("https");
    if !https && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlRefused::Scheme);
    }
    let rest = rest.strip_prefix("//").ok_or(UrlRefused::Malformed)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlRefused::UserInfo);
    }
    // Escapes in a host serve only to hide it; zones of IPv6 begin with one.
    if authority.is_empty() || authority.contains('%') {
        return Err(UrlRefused::Host);
    }
    if rest.contains('#') {
        return Err(UrlRefused::Fragment);
    }
    Ok(https)
}

/// Returns the name with its final dot if it can be one in DNS.
fn absolute(name: &str) -> Result<Arc<str>, UrlRefused> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = |label: &str| {
        let letters =
            label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        !label.is_empty() && label.len() <= LONGEST_LABEL && letters
    };
    if name.len() > LONGEST_NAME || !name.split('.').all(fits) {
        return Err(UrlRefused::Host);
    }
    Ok(Arc::from(format!("{name}.")))
}

/// Whether a name has no public host: a single label, or one below a local zone.
fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.rsplit_once('.').is_none_or(|(_, zone)| LOCAL_ZONES.contains(&zone))
}
