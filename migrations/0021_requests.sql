-- What a request did: the trail by the request's id. Null where no request was the cause, but a task or a
-- timer. Ids grow with time, so new entries of the index lie beside each other.
alter table audit_events add column request_id text collate "C";
-- The table is closed to its owner too; the role that projects may write to it.
set local role firsthand_writer;
update audit_events
set request_id = events.request_id
from events
where events.part = audit_events.part and events.position = audit_events.position
  and starts_with(events.request_id, 'req_');
reset role;
create index audit_events_request_id_idx on audit_events (part, request_id) where request_id is not null;

-- When each key was used last. Not derived from the log: uses are remembered in memory and written
-- together, once a minute.
create table api_key_uses (
  part smallint not null,
  book text collate "C" not null,
  key_id text collate "C" not null,
  used_at bigint not null,
  constraint api_key_uses_pkey primary key (part, key_id)
) with (fillfactor = 70);
select tenant_table('api_key_uses', 'select, insert, update');
