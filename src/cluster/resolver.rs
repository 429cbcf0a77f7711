//! The addresses of endpoints.

use std::net::SocketAddr;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Takes an endpoint's numeric address as it is. For all others ureq starts a thread at every request, since a lookup has no
/// time-out of its own: a quarter of the time of a short read.
#[derive(Debug, Default)]
pub struct NumericFirst(DefaultResolver);

impl Resolver for NumericFirst {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        match uri.authority().and_then(|authority| authority.as_str().parse::<SocketAddr>().ok()) {
            Some(address) => {
                let mut addresses = self.empty();
                addresses.push(address);
                Ok(addresses)
            }
            None => self.0.resolve(uri, config, timeout),
        }
    }
}
