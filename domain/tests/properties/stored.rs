//! What is stored must be enough: events and state rows are read back from their stored form.

use crate::world::World;
use firsthand_domain::{Event, State, StreamId};
use serde_json::{Deserializer, Serializer};
use std::collections::BTreeMap;

/// Writes an event as it is stored and reads it back.
fn event_again(event: &Event) -> Result<Event, String> {
    let mut payload = Vec::new();
    let write = event.serialize_payload(&mut Serializer::new(&mut payload));
    write.map_err(|error| format!("{event:?}: {error}"))?;
    Event::deserialize_payload(event.name(), &mut Deserializer::from_slice(&payload))
        .ok_or_else(|| format!("{} is no event", event.name()))?
        .map_err(|error| format!("{}: {error}", String::from_utf8_lossy(&payload)))
}

/// Writes a state row as it is stored and reads it back.
fn state_again(stream: StreamId, state: &State) -> Result<State, String> {
    let row = serde_json::to_vec(state).map_err(|error| format!("{stream}: {error}"))?;
    State::deserialize(stream, &mut Deserializer::from_slice(&row))
        .map_err(|error| format!("{}: {error}", String::from_utf8_lossy(&row)))
}

/// Replays the stored log and compares with the states in memory, and reads each state back.
pub(crate) fn replayed(world: &World) -> Result<(), String> {
    let mut states: BTreeMap<StreamId, State> = BTreeMap::new();
    for (stream, event) in world.log() {
        let again = event_again(event)?;
        if again != *event {
            return Err(format!("{event:?} was read back as {again:?}"));
        }
        states.entry(*stream).or_insert_with(|| State::empty(*stream)).evolve(&again);
    }
    if states != *world.streams() {
        return Err("the replayed log amounts to something else".into());
    }
    for (stream, state) in world.streams() {
        let again = state_again(*stream, state)?;
        if again != *state {
            return Err(format!("{state:?} was read back as {again:?}"));
        }
    }
    Ok(())
}
