//! What a process of `serve` does by its roles.

use crate::serve_common::{MASTER_KEY, Serving};
use firsthand_tests::{Options, Server};

/// A `dev` whose database and object store others may use.
async fn host() -> Server {
    let (name, key) = MASTER_KEY;
    Server::start(Options::ephemeral().env(name, key)).await
}

#[tokio::test]
async fn a_process_that_serves_no_buyer_says_how_it_is() {
    let host = host().await;
    let serving = Serving::start(&host, &["--roles", "projections,workers"]).await;
    let said = "firsthand serves health and metrics at http://";
    assert!(serving.line.starts_with(said), "{}", serving.line);
    let api = serving.api();
    for path in ["/livez", "/readyz", "/metrics"] {
        let reply = api.get(path).await;
        assert_eq!(reply.status, 200, "{reply}");
    }
    for path in ["/v1/me", "/v1/jobs", "/openapi.json"] {
        let reply = api.get(path).await;
        assert_eq!(reply.status, 404, "{reply}");
    }
    assert_eq!(serving.stop().await.code(), Some(0));
    host.stop().await;
}

#[tokio::test]
async fn a_process_that_serves_buyers_says_so() {
    let host = host().await;
    let serving = Serving::start(&host, &["--roles", "api"]).await;
    assert!(serving.line.starts_with("firsthand serves at http://"), "{}", serving.line);
    let api = serving.api();
    for (path, status) in [("/readyz", 200), ("/v1/me", 401)] {
        let reply = api.get(path).await;
        assert_eq!(reply.status, status, "{reply}");
    }
    assert_eq!(serving.stop().await.code(), Some(0));
    host.stop().await;
}
