//! One HTTP request as the registry rules demand it: authenticated, redirects checked by hand,
//! transient failures repeated within a budget, bodies bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header;
use reqwest::{Method, Response, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use crate::address::{Home, is_listed, may_visit, same_origin};
use crate::answer::{Answer, Reply, broken, judge};
use crate::auth::{Authorization, Remembered};
use crate::budget::{Budget, Setback};
use crate::call::{Call, Fault, Payload};
use crate::client::ClientOptions;
use crate::error::Error;
use crate::http::{Clients, Route, answered_from};
use crate::limits;

/// One document being read; gives its place back when dropped.
struct Turn(Arc<Server>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.documents.add_permits(1);
    }
}

/// Connections, tokens and counters that all clones of a client share.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) options: ClientOptions,
    pub(crate) remembered: Remembered,
    clients: Clients,
    requests: AtomicU64,
    servers: Mutex<HashMap<String, Arc<Server>>>,
}

/// What all requests to one server share.
#[derive(Debug)]
struct Server {
    /// How many documents may be asked for at once.
    documents: Semaphore,
    /// One login at a time: a token that runs out is replaced once, not by every request in flight.
    login: tokio::sync::Mutex<()>,
    /// Where its name led when it answered, for judging where it sends us.
    address: Mutex<Option<IpAddr>>,
}

impl Transport {
    pub(crate) fn new(options: ClientOptions) -> Self {
        Self {
            options,
            remembered: Remembered::default(),
            clients: Clients::default(),
            requests: AtomicU64::new(0),
            servers: Mutex::default(),
        }
    }

    fn server(&self, url: &Url) -> Arc<Server> {
        let mut servers = self
            .servers
            .lock()
            .expect("nothing panics while holding it");
        let key = url.origin().ascii_serialization();
        let server = servers.entry(key).or_insert_with(|| {
            Arc::new(Server {
                documents: Semaphore::new(self.options.concurrency.max(1)),
                login: tokio::sync::Mutex::default(),
                address: Mutex::default(),
            })
        });
        server.clone()
    }

    /// Waits until fewer documents than allowed are being read from this server. To be held while
    /// one is read, and never while asking for another.
    pub(crate) async fn turn(&self, url: &Url) -> impl Drop + use<> {
        let server = self.server(url);
        let permits = server.documents.acquire().await;
        permits.expect("the semaphore is never closed").forget();
        Turn(server)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Asks and reads the whole body, at most `limit` bytes of it.
    pub(crate) async fn fetch(&self, call: &Call<'_>, limit: u64) -> Result<Answer, Error> {
        self.fetch_within(call, limit, self.options.deadline).await
    }

    /// The same with another deadline than a document's.
    pub(crate) async fn fetch_within(
        &self,
        call: &Call<'_>,
        limit: u64,
        time: Duration,
    ) -> Result<Answer, Error> {
        let _turn = self.turn(&call.url).await;
        let mut budget = Budget::new(time);
        loop {
            let reply = self.open(call, &mut budget).await?;
            match reply.read(&call.what, limit).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => call.after(fault, &mut budget).await?,
            }
        }
    }

    /// Asks until there is an answer that repeating would not change. Its status may be anything
    /// but 401, 403 and the transient ones.
    pub(crate) async fn open(&self, call: &Call<'_>, budget: &mut Budget) -> Result<Reply, Error> {
        if self.options.offline {
            let what = call.what.clone();
            return Err(Error::Offline { what });
        }
        loop {
            match self.attempt(call, budget).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => call.after(fault, budget).await?,
            }
        }
    }

    /// One attempt: with the authorization that worked last, and once more with a new one.
    async fn attempt(&self, call: &Call<'_>, budget: &Budget) -> Result<Reply, Fault> {
        let known = self.remembered.serving(call.repository, call.access);
        let mut reply = self.send(call, known.as_ref(), budget).await?;
        if known.is_some() && reply.may_say_expired(call).await? {
            // Such an answer names no way to log in; one without authorization does.
            self.remembered.forget(call.repository, call.access);
            reply = self.send(call, None, budget).await?;
        }
        // Only the registry itself may ask for a login, not where it redirected us to.
        if reply.asks_for_login() {
            // Read to its end, so that the connection serves the next request too.
            let refusal = reply.read(&call.what, limits::SMALL_BODY).await?;
            let (authorization, is_new) = self
                .another_authorization(call, known.as_ref(), &refusal.headers, budget)
                .await?;
            reply = self.send(call, Some(&authorization), budget).await?;
            if reply.asks_for_login() && !is_new {
                let refusal = reply.read(&call.what, limits::SMALL_BODY).await?;
                let used = Some(&authorization);
                let (authorization, _) = self
                    .another_authorization(call, used, &refusal.headers, budget)
                    .await?;
                reply = self.send(call, Some(&authorization), budget).await?;
            }
            if reply.response.status() == StatusCode::UNAUTHORIZED {
                self.remembered.forget(call.repository, call.access);
            }
        }
        judge(call, reply).await
    }

    /// An authorization other than the refused one: what another request was granted meanwhile, or
    /// a new one, and whether it is new.
    async fn another_authorization(
        &self,
        call: &Call<'_>,
        refused: Option<&Authorization>,
        challenge: &header::HeaderMap,
        budget: &Budget,
    ) -> Result<(Authorization, bool), Fault> {
        let server = self.server(&call.url);
        let _turn = server.login.lock().await;
        let known = self.remembered.serving(call.repository, call.access);
        if let Some(known) = known.filter(|known| Some(known) != refused) {
            return Ok((known, false));
        }
        self.remembered.forget(call.repository, call.access);
        let granted = self.log_in(call, challenge, budget).await?;
        self.remembered.put(call.repository, call.access, &granted);
        Ok((granted.authorization, true))
    }

    /// Sends, and follows the redirects of a read.
    async fn send(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
        budget: &Budget,
    ) -> Result<Reply, Fault> {
        let mut url = call.url.clone();
        for hop in 0..=limits::REDIRECTS {
            // Authorization never crosses scheme, host or port (GHSA-vh4v).
            let authorization = authorization.filter(|_| same_origin(&call.url, &url));
            let response = self.hop(call, &url, authorization, budget).await?;
            let location = response.headers().get(header::LOCATION);
            let Some(location) = location.filter(|_| is_redirect(response.status())) else {
                return Ok(Reply {
                    response,
                    redirected: hop > 0,
                    begun: Vec::new(),
                });
            };
            if call.method != Method::GET && call.method != Method::HEAD {
                return Err(
                    Error::refused(&call.what, "a write is answered with a redirect").into(),
                );
            }
            let target = location.to_str().ok().and_then(|to| url.join(to).ok());
            let Some(target) = target else {
                return Err(Error::refused(&call.what, "the redirect is no address").into());
            };
            self.may_visit(call, &target).map_err(|why| {
                Error::refused(
                    &call.what,
                    format!("a redirect that is not followed: {why}"),
                )
            })?;
            url = target;
        }
        let why = format!("more than {} redirects", limits::REDIRECTS);
        Err(Error::refused(&call.what, why).into())
    }

    async fn hop(
        &self,
        call: &Call<'_>,
        url: &Url,
        authorization: Option<&Authorization>,
        budget: &Budget,
    ) -> Result<Response, Fault> {
        let mut request = self.request(call, call.method.clone(), url, budget)?;
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(Authorization(value)) = authorization {
            request = request.header(header::AUTHORIZATION, value.expose());
        }
        request = match call.payload {
            Payload::None if call.method == Method::POST || call.method == Method::PUT => {
                request.header(header::CONTENT_LENGTH, "0")
            }
            Payload::None => request,
            Payload::Bytes(bytes) => request.body(bytes.to_vec()),
            Payload::Blob { source, size } => request
                .header(header::CONTENT_LENGTH, size)
                .body(source.body(size).await?),
        };
        let sent = async {
            let response = self.dispatch(&call.what, request).await?;
            if same_origin(&call.url, url) {
                self.note_address(call, &response);
            }
            Ok(response)
        };
        if !matches!(call.payload, Payload::None) {
            // The answer to an upload comes after its last byte; the budget bounds it.
            return sent.await;
        }
        let answered = tokio::time::timeout(limits::IDLE, sent).await;
        answered.unwrap_or_else(|_| {
            let silent = Setback::broken("the server does not answer");
            Err(Fault::Again(silent))
        })
    }

    /// A request of this call, to itself or to where its registry sent us, with what every one of
    /// ours has.
    pub(crate) fn request(
        &self,
        call: &Call<'_>,
        method: Method,
        url: &Url,
        budget: &Budget,
    ) -> Result<reqwest::RequestBuilder, Error> {
        self.options.proxies.serving(url)?;
        let route = match url.scheme() {
            "http" => Route::Plain,
            _ if url.host() == call.url.host() || is_listed(url, &self.options) => Route::Named,
            _ => Route::Foreign(self.home(call)),
        };
        let request = self
            .clients
            .get(route, &self.options)?
            .request(method, url.clone())
            // Digests are over the bytes as stored; a compressed body is a bomb waiting.
            .header(header::ACCEPT_ENCODING, "identity")
            .timeout(budget.left());
        Ok(request)
    }

    /// Whether the registry may send us there.
    pub(crate) fn may_visit(&self, call: &Call<'_>, target: &Url) -> Result<(), String> {
        may_visit(&call.url, target, self.home(call), &self.options)
    }

    fn home(&self, call: &Call<'_>) -> Home {
        let server = self.server(&call.url);
        let address = server.address.lock();
        Home::of(
            &call.url,
            *address.expect("nothing panics while holding it"),
        )
    }

    fn note_address(&self, call: &Call<'_>, response: &Response) {
        let server = self.server(&call.url);
        let mut address = server
            .address
            .lock()
            .expect("nothing panics while holding it");
        *address = answered_from(&call.url, response, &self.options);
    }

    /// Counts and sends.
    pub(crate) async fn dispatch(
        &self,
        what: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Response, Fault> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await.map_err(|e| broken(what, e))?;
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|e| e != "identity") {
            return Err(Error::refused(what, "the body is compressed, unasked").into());
        }
        Ok(response)
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
