//! The encryption of what Muster asks other servers. What it answers itself is plain HTTP, behind a proxy.

/// Has to be said before the first HTTP client is made, and may be said again: reqwest uses what was chosen for the whole
/// process and panics when nothing was.
pub fn choose() {
    // Refused when something was chosen already, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
}
