//! What the benchmarks ask of hyper with tokio: one thread, and a scope for each request.

mod sleepers;
mod scope;

use hyper::header::{HeaderValue, CONNECTION, CONTENT_TYPE};
use hyper::server::conn::Http;
use hyper::{Body, Method, Request, Response};
use scope::Scope;
use std::convert::Infallible;
use std::time::Duration;

static LARGE: [u8; 64 * 1024] = [0; 64 * 1024];

async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    let count = path.rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(0);
    let response = match (request.method(), path) {
        (&Method::GET, "/plain") => text(&request, "Hello, World!"),
        (&Method::GET, "/large") => Response::new(Body::from(&LARGE[..])),
        (&Method::GET, "/living") => Response::new(Body::from(sleepers::report())),
        (&Method::POST, "/echo") => echo(request).await,
        (&Method::GET, path) if path.starts_with("/hello/") => text(&request, "Hello, World!\n"),
        (&Method::GET, path) if path.starts_with("/jobs/") => jobs(&request, count, Duration::ZERO).await,
        (&Method::GET, path) if path.starts_with("/held/") => jobs(&request, count, Duration::from_millis(20)).await,
        (&Method::GET, path) if path.starts_with("/sleepers/") => {
            sleepers::spawn(Scope::of(&request), count);
            std::future::pending().await
        }
        _ => Response::builder().status(404).body(Body::empty()).unwrap(),
    };
    Ok(response)
}

fn text(request: &Request<Body>, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // hyper closes the connection then, but leaves it to the handler to say so, and clients wait for that.
    if request.headers().get(CONNECTION).is_some_and(|value| value == "close") {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn echo(request: Request<Body>) -> Response<Body> {
    Response::new(request.into_body())
}

/// Spawns jobs that sleep, and answers after a while, which cancels them.
async fn jobs(request: &Request<Body>, count: u64, wait: Duration) -> Response<Body> {
    let scope = Scope::of(request);
    for _ in 0..count {
        scope.spawn(tokio::time::sleep(Duration::from_secs(3600)));
    }
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    Response::new(Body::empty())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .expect("usage: bench PORT");
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(4096)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = scope::layer(answer);
        tokio::spawn(
            Http::new()
                .http1_only(true)
                .pipeline_flush(true)
                .serve_connection(stream, service),
        );
    }
}
