//! A scope for each request: a cancellation token that is cancelled when the request's future is dropped, be it done or
//! aborted because the client left.

use hyper::service::Service;
use hyper::{Body, Request, Response};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub struct Scope(CancellationToken);

impl Scope {
    /// The scope of a request that came through the layer.
    pub fn of(request: &Request<Body>) -> Scope {
        request
            .extensions()
            .get::<Scope>()
            .expect("the layer puts a scope into every request")
            .clone()
    }

    /// Runs a job until it is done or the scope ends.
    pub fn spawn<Job: Future<Output = ()> + Send + 'static>(&self, job: Job) {
        let token = self.0.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = token.cancelled() => (),
                _ = job => (),
            }
        });
    }
}

pub struct Layer<Handler>(Handler);

/// Gives each request that the handler is called with a scope of its own.
pub fn layer<Handler>(handler: Handler) -> Layer<Handler> {
    Layer(handler)
}

impl<Handler, Answer> Service<Request<Body>> for Layer<Handler>
where
    Handler: FnMut(Request<Body>) -> Answer,
    Answer: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let token = CancellationToken::new();
        request.extensions_mut().insert(Scope(token.clone()));
        let answer = (self.0)(request);
        Box::pin(async move {
            let _guard = token.drop_guard();
            answer.await
        })
    }
}
