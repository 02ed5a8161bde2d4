//! The way between a process and the database: it delays, loses and refuses.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::oneshot;

use crate::process::Life;
use crate::wire::{self, Refusal};
use crate::world::Sim;

/// One process's way to the database.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    sim: Arc<Sim>,
    life: Arc<Life>,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    LostRequest,
    LostReply,
    FailsBefore,
    FailsAfter,
    Throttled,
    Conflict,
    Late(Duration),
}

impl Network {
    pub(crate) const fn new(sim: Arc<Sim>, life: Arc<Life>) -> Self {
        Self { sim, life }
    }

    async fn carry(self, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let Some(body) = request.body().bytes().and_then(|body| std::str::from_utf8(body).ok()) else {
            return Err(ConnectorError::user("the body is no text".into()));
        };
        if let Some(changed) = self.sim.bug.and_then(|bug| bug.on_wire(body, &self.sim)) {
            *request.body_mut() = changed.into();
        }
        let is_transaction = request.headers().get("x-amz-target").is_some_and(|target| target.contains("Transact"));
        self.life.may_die(&self.sim, "before a call to the database").await;
        tokio::time::sleep(self.sim.chance.millis(0, 4)).await;
        let fault = self.fault();
        match fault {
            Fault::LostRequest => self.nobody_answers(&request, "lost").await,
            Fault::FailsBefore => self.refuse(&request, Refusal::InternalError),
            Fault::Throttled => self.refuse(&request, Refusal::Throttled { is_transaction }),
            Fault::Conflict => self.refuse(&request, Refusal::Conflict { is_transaction }),
            Fault::LostReply => {
                self.apply(&request, "done, reply lost");
                self.life.may_die(&self.sim, "after a call to the database").await;
                self.silence().await
            }
            Fault::FailsAfter => {
                self.apply(&request, "done, then failed");
                Ok(wire::refusal(Refusal::InternalError))
            }
            Fault::Late(delay) => self.late(request, delay).await,
            Fault::None => {
                let response = self.apply(&request, "done");
                self.life.may_die(&self.sim, "after a call to the database").await;
                tokio::time::sleep(self.sim.chance.millis(0, 4)).await;
                Ok(response)
            }
        }
    }

    fn fault(&self) -> Fault {
        let (faults, chance) = (&self.sim.plan.faults, &self.sim.chance);
        if self.sim.is_healed() {
            return Fault::None;
        }
        if self.sim.is_outage() {
            return if chance.happens(500) { Fault::FailsBefore } else { Fault::LostRequest };
        }
        if chance.happens(faults.lost_request) {
            Fault::LostRequest
        } else if chance.happens(faults.lost_reply) {
            Fault::LostReply
        } else if chance.happens(faults.failure) {
            if chance.happens(500) { Fault::FailsBefore } else { Fault::FailsAfter }
        } else if chance.happens(faults.throttle) {
            Fault::Throttled
        } else if chance.happens(faults.conflict) {
            Fault::Conflict
        } else if chance.happens(faults.stall) {
            let most = chance.pick(&[300, 3_000, 150_000]);
            Fault::Late(chance.millis(50, most))
        } else {
            Fault::None
        }
    }

    fn apply(&self, request: &HttpRequest, how: &str) -> HttpResponse {
        let response = self.sim.dynamo.respond(request);
        self.note(request, how, Some(&response));
        if wire::may_write(request) {
            self.sim.check_books(&self.life);
        }
        response
    }

    /// The call arrives by itself, whether or not its caller still waits.
    async fn late(self, request: HttpRequest, delay: Duration) -> Result<HttpResponse, ConnectorError> {
        let (answer, answered) = oneshot::channel();
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            // Nobody may be waiting any more; the call is done all the same.
            let _ = answer.send(this.apply(&request, "done late"));
        });
        answered.await.map_err(|_| ConnectorError::other("the world ended".into(), None))
    }

    fn refuse(&self, request: &HttpRequest, refusal: Refusal) -> Result<HttpResponse, ConnectorError> {
        self.note(request, refusal.as_str(), None);
        Ok(wire::refusal(refusal))
    }

    async fn nobody_answers(&self, request: &HttpRequest, how: &str) -> Result<HttpResponse, ConnectorError> {
        self.note(request, how, None);
        self.silence().await
    }

    /// Nothing is heard: until the connection is found broken, or the caller's patience ends.
    async fn silence(&self) -> Result<HttpResponse, ConnectorError> {
        if self.sim.chance.happens(500) {
            return Err(ConnectorError::io("the connection broke".into()));
        }
        std::future::pending().await
    }

    fn note(&self, request: &HttpRequest, how: &str, response: Option<&HttpResponse>) {
        if self.sim.trace.is_kept() {
            self.sim.note(&self.life.name, &wire::summary(request, how, response));
        }
    }
}

impl HttpClient for Network {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}
