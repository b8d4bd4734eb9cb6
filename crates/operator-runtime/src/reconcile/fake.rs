//! A fake API server that stores applied objects, records requests and injects failures. For cases that
//! a real one cannot be made to produce; the tests of `e2e` use a real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::apply::ONLY_CREATE;

/// Method and last path segments of a request.
pub type Line = String;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    requests: Vec<Line>,
    sent: Vec<(Line, Parts, Value)>,
    failures: Vec<(String, u16, Value)>,
    version: u64,
}

/// The server.
#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<State>>);

impl Fake {
    /// A client of this server.
    pub fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.answer(request).await) }
        });
        Client::new(service, "ns")
    }

    /// Makes the next request whose line starts with `line` fail with this code and status.
    pub fn fail(&self, line: &str, code: u16, status: Value) {
        self.0
            .lock()
            .unwrap()
            .failures
            .push((line.to_owned(), code, status));
    }

    /// Takes the requests so far.
    pub fn requests(&self) -> Vec<Line> {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }

    /// Head and body of the first request with this line.
    pub fn sent(&self, line: &str) -> Option<(Parts, Value)> {
        let state = self.0.lock().unwrap();
        let mut sent = state.sent.iter();
        sent.find(|(it, ..)| it == line)
            .map(|(_, head, body)| (head.clone(), body.clone()))
    }

    /// The encoded query strings of all requests so far.
    pub fn queries(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let queries = state.sent.iter().flat_map(|(_, head, _)| head.uri.query());
        queries.map(str::to_owned).collect()
    }

    /// Creates or replaces an object.
    pub fn put(&self, path: &str, object: Value) {
        self.0
            .lock()
            .unwrap()
            .objects
            .insert(path.to_owned(), object);
    }

    /// An object by its path.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        let short = match path.strip_suffix("/status") {
            Some(_) => parts[parts.len() - 3..].join("/"),
            None => parts[parts.len() - 2..].join("/"),
        };
        let line = format!("{} {short}", head.method);
        let mut state = self.0.lock().unwrap();
        state.requests.push(line.clone());
        state.sent.push((line.clone(), head.clone(), body.clone()));
        if let Some(i) = state
            .failures
            .iter()
            .position(|(start, ..)| line.starts_with(start))
        {
            let (_, code, status) = state.failures.remove(i);
            return respond(code, &status);
        }
        match head.method {
            Method::GET => match state.objects.get(&path) {
                Some(object) => respond(200, object),
                None => status(404, "NotFound", ""),
            },
            Method::DELETE => match state.objects.remove(&path) {
                Some(object) => respond(200, &object),
                None => status(404, "NotFound", ""),
            },
            Method::POST => respond(201, &body),
            _ => apply(&mut state, &path, body),
        }
    }
}

/// The subset of server-side apply that reconciles depend on.
fn apply(state: &mut State, path: &str, mut body: Value) -> Response<Body> {
    let target = path.trim_end_matches("/status").to_owned();
    let known = state.objects.get(&target);
    let desired = body["metadata"]["resourceVersion"].take();
    let is_another =
        |known: &Value| desired == ONLY_CREATE || known["metadata"]["resourceVersion"] != desired;
    if desired.is_string() && known.is_some_and(is_another) {
        return status(409, "Conflict", "the object has been modified");
    }
    let uid = known.map_or_else(
        || json!(format!("uid-of-{target}")),
        |k| k["metadata"]["uid"].clone(),
    );
    state.version += 1;
    body["metadata"]["uid"] = uid;
    body["metadata"]["resourceVersion"] = json!(state.version.to_string());
    if !path.ends_with("/status") {
        body["metadata"]["managedFields"] =
            json!([{"manager": "toy", "operation": "Apply", "fieldsV1": {"f:data": {}}}]);
        state.objects.insert(target, body.clone());
    } else if let Some(object) = state.objects.get_mut(&target) {
        object["status"] = body["status"].clone();
    }
    respond(200, &body)
}

fn status(code: u16, reason: &str, message: &str) -> Response<Body> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": reason, "message": message,
    });
    respond(code, &body)
}

fn respond(code: u16, body: &Value) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(code).unwrap())
        .body(Body::from(body.to_string().into_bytes()))
        .unwrap()
}
