//! A defect in a command harms those that are decided with it, and nobody else.

use crate::run::request;
use crate::world::World;
use firsthand_domain::ids::RequestId;
use firsthand_domain::{Book, Changes, Command, Context, Rejection, StreamId, View};
use firsthand_eventstore::{ExecuteError, Reply};
use futures_util::future::join_all;
use ulid::Ulid;

/// Where a command panics.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Nowhere,
    Needs,
    Decision,
}

struct Broken(At);

impl Command for Broken {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        None
    }

    fn needs(&self, _view: &dyn View) -> Vec<StreamId> {
        assert!(self.0 != At::Needs, "a defect in what it needs");
        Vec::new()
    }

    fn decide(&self, _view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        assert!(self.0 != At::Decision, "a defect in its decision");
        Ok(Changes::none())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_panics_stops_nobody_else() {
    let world = World::start().await;
    // One stream, so that one writer gets all of them.
    let stream = Book::default().stream();
    let execute = |at| {
        let request = request(Box::new(Broken(at)), RequestId::new(Ulid(1)));
        world.ledger.execute(stream, request)
    };
    for at in [At::Needs, At::Decision] {
        let refused = join_all((0..4).map(|_| execute(at))).await;
        for reply in refused {
            assert!(matches!(reply, Err(ExecuteError::Unavailable)), "{at:?}: {reply:?}");
        }
        let reply = execute(At::Nowhere).await;
        assert!(
            matches!(reply, Ok(Reply::Decided { outcome: Ok(()), .. })),
            "after {at:?}: {reply:?}"
        );
    }
}
