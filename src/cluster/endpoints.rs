//! Requests to etcd's endpoints: which one is asked, how long, and with what token.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, SendBody};

use super::failure::{EtcdError, Failure, Refusal};
use super::json::Token;
use super::resolver::NumericFirst;
use super::tls;
use super::url::ClusterUrl;

/// Longest answer that is read, in bytes. A value takes four thirds of its length in it.
pub const ANSWER_BYTES: u64 = 8 << 20;

/// Time-out of a connect, TLS included: a machine that is gone costs no more than this, if there is another one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of a request that are written at once: each write has the rest of the time, so that a small one keeps the
/// deadline of a connection that takes a few bytes now and then.
const WRITE_BYTES: usize = 16 << 10;

/// The credentials of a client of etcd.
#[derive(Clone, Default)]
pub struct Access {
    /// User and password of etcd, where its authentication is on.
    pub user: Option<(String, String)>,
    /// PEM file of the authorities for https; without it those of this machine.
    pub ca: Option<PathBuf>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|(name, _)| name);
        f.debug_struct("Access").field("user", &user).field("ca", &self.ca).finish_non_exhaustive()
    }
}

/// The endpoints, with the connections to them that are kept.
pub struct Endpoints {
    agent: Agent,
    urls: Vec<String>,
    /// Index of the endpoint that the next request begins with.
    current: AtomicUsize,
    user: Option<(String, String)>,
    /// Token of the user; all endpoints know it.
    token: Mutex<Option<String>>,
}

impl Endpoints {
    /// Connects to nothing yet. Refused: the file of the authorities is no good.
    pub fn new(url: &ClusterUrl, access: Access) -> Result<Self, EtcdError> {
        let is_https = url.endpoints().iter().any(|endpoint| endpoint.starts_with("https:"));
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .output_buffer_size(WRITE_BYTES)
            .user_agent(concat!("wachat/", env!("CARGO_PKG_VERSION")));
        if is_https {
            let roots = tls::authorities(access.ca.as_deref()).map_err(EtcdError::Refused)?;
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        let urls = url.endpoints().to_vec();
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), NumericFirst::default());
        Ok(Self { agent, urls, current: AtomicUsize::new(0), user: access.user, token: Mutex::new(None) })
    }

    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Asks the endpoints in turn until one could be sent the request, and returns its answer. After an outcome that is
    /// unknown the next request begins with the next endpoint.
    pub fn request<T: DeserializeOwned>(&self, path: &str, question: &Value, deadline: Instant) -> Result<T, Failure> {
        let question = question.to_string();
        let first = self.current.load(Ordering::Relaxed);
        let mut why = String::new();
        for step in 0..self.urls.len() {
            let index = (first + step) % self.urls.len();
            let share = u32::try_from(self.urls.len() - step).unwrap_or(u32::MAX);
            let call = Call { index, path, question: &question, deadline, share };
            match self.request_at(&call) {
                Err(Failure::NotSent(reason)) => why = reason,
                Err(Failure::Unknown(reason)) => {
                    self.leave(index);
                    return Err(Failure::Unknown(reason));
                }
                done => return done,
            }
            self.leave(index);
        }
        Err(Failure::NotSent(why))
    }

    /// Makes the endpoint after this one the next, unless another thread has done so.
    fn leave(&self, index: usize) {
        let next = (index + 1) % self.urls.len();
        let _ = self.current.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Asks one endpoint. A token that it refuses is renewed once: the refused request was not carried out.
    pub fn request_at<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Failure> {
        let token = self.token(call)?;
        match self.exchange(call, token.as_deref()) {
            Err(Failure::Refused(refusal)) if token.is_some() && refusal.is_of_token() => {
                self.forget(token);
                self.exchange(call, self.token(call)?.as_deref())
            }
            done => done,
        }
    }

    /// Returns the token, and fetches one where there is none. A call whose token is missing was not sent.
    fn token(&self, call: &Call) -> Result<Option<String>, Failure> {
        let Some((name, password)) = &self.user else { return Ok(None) };
        if let Some(token) = self.token.lock().clone() {
            return Ok(Some(token));
        }
        let question = json!({ "name": name, "password": password }).to_string();
        let login = Call { path: "/v3/auth/authenticate", question: &question, ..*call };
        match self.exchange::<Token>(&login, None) {
            Ok(Token { token }) => Ok(self.token.lock().insert(token).clone().into()),
            Err(Failure::Unknown(why)) => Err(Failure::NotSent(why)),
            Err(failure) => Err(failure),
        }
    }

    fn forget(&self, refused: Option<String>) {
        let mut token = self.token.lock();
        if *token == refused {
            *token = None;
        }
    }

    /// Sends a request and reads its answer.
    fn exchange<T: DeserializeOwned>(&self, call: &Call, token: Option<&str>) -> Result<T, Failure> {
        let endpoint = &self.urls[call.index];
        let mut rest = call.question.as_bytes();
        let sent = self.send(call, token, &mut rest);
        // A body of which nothing was taken was not sent, and without it nothing is carried out.
        let is_sent = rest.len() < call.question.len();
        let (status, answer) = sent.map_err(|error| {
            let why = format!("{endpoint}: {error}");
            if is_sent { Failure::Unknown(why) } else { Failure::NotSent(why) }
        })?;
        if status != 200 {
            return Err(Refusal::read(status, &answer).into_failure(endpoint));
        }
        let strange = |error| Failure::Unknown(format!("{endpoint}: the answer is not etcd's: {error}"));
        serde_json::from_slice(&answer).map_err(strange)
    }

    fn send(&self, call: &Call, token: Option<&str>, body: &mut &[u8]) -> Result<(u16, Vec<u8>), ureq::Error> {
        let left = call.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ureq::Error::Timeout(ureq::Timeout::Global));
        }
        let mut request = self
            .agent
            .post(format!("{}{}", self.urls[call.index], call.path))
            .config()
            .timeout_global(Some(left))
            .timeout_connect(Some(CONNECT_TIMEOUT.min(left / call.share)))
            .build()
            .content_type("application/json")
            .header("content-length", body.len());
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let mut answer = request.send(SendBody::from_reader(body))?;
        let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec()?;
        Ok((answer.status().as_u16(), bytes))
    }
}

/// A request to one endpoint.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Index of the endpoint.
    pub index: usize,
    pub path: &'a str,
    pub question: &'a str,
    pub deadline: Instant,
    /// Number of endpoints among which the time for connecting is shared.
    pub share: u32,
}
