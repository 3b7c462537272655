-- Values that must be read back and that no event may hold (signing secrets, values of extra headers):
-- sealed, under the stream that they belong to.
create table sealed_values (
  part smallint not null,
  stream text collate "C" not null,
  seal_id text collate "C" not null,
  sealed bytea not null,
  constraint sealed_values_pkey primary key (part, stream, seal_id)
);
grant select, insert, delete on sealed_values to firsthand_writer;

-- What buyers are told of the log. Derived from it; a row's position is that of its event.
create table webhook_events (
  part smallint not null,
  position bigint not null,
  book text collate "C" not null,
  event_id text collate "C" not null,
  event_type text collate "C" not null,
  job_id text collate "C",
  sequence bigint,
  recorded_at bigint not null,
  -- Only this endpoint is told (a test), or every one but this (its health).
  only_endpoint text collate "C",
  except_endpoint text collate "C",
  -- The file whose link the body gets before it is first shown.
  file_key text collate "C",
  body bytea not null,
  constraint webhook_events_pkey primary key (part, position)
);
create unique index webhook_events_event_id_idx on webhook_events (part, event_id);
create index webhook_events_book_idx on webhook_events (part, book, position);
create index webhook_events_type_idx on webhook_events (part, book, event_type, position);
create index webhook_events_recorded_at_idx on webhook_events (part, book, recorded_at);
create index webhook_events_job_id_idx on webhook_events (part, job_id, sequence) where job_id is not null;
select tenant_table('webhook_events', 'select, insert, update, delete');

-- Bodies that hold a link: signed once, so that every repetition has the same bytes.
create table webhook_bodies (
  part smallint not null,
  position bigint not null,
  book text collate "C" not null,
  body bytea not null,
  constraint webhook_bodies_pkey primary key (part, position)
);
select tenant_table('webhook_bodies', 'select, insert, delete');

-- Which endpoint wants what, as of the feed's cursor.
create table webhook_subscriptions (
  part smallint not null,
  book text collate "C" not null,
  endpoint_id text collate "C" not null,
  enabled boolean not null,
  event_types text[],
  constraint webhook_subscriptions_pkey primary key (part, book, endpoint_id)
);
grant select, insert, update, delete on webhook_subscriptions to firsthand_writer;

-- What each endpoint is owed, and how that ended.
create table webhook_deliveries (
  part smallint not null,
  endpoint_id text collate "C" not null,
  position bigint not null,
  book text collate "C" not null,
  job_id text collate "C",
  status text collate "C" not null,
  attempts int not null default 0,
  -- Failed attempts since it was last asked for.
  failures int not null default 0,
  due_at bigint not null,
  last_attempt_at bigint,
  response_status int,
  error_code text,
  constraint webhook_deliveries_pkey primary key (part, endpoint_id, position)
) with (fillfactor = 80);
create index webhook_deliveries_due_at_idx on webhook_deliveries (part, endpoint_id, due_at, position)
  where status = 'pending';
create index webhook_deliveries_job_id_idx on webhook_deliveries (part, endpoint_id, job_id, position)
  where status = 'pending' and job_id is not null;
create index webhook_deliveries_position_idx on webhook_deliveries (part, position);
create index webhook_deliveries_status_idx on webhook_deliveries (part, book, status, position)
  where status <> 'delivered';
select tenant_table('webhook_deliveries', 'select, insert, update, delete');

-- One row for each endpoint: who sends to it now, when there is something to do, how it fares.
create table webhook_lanes (
  part smallint not null,
  endpoint_id text collate "C" not null,
  book text collate "C" not null,
  due_at bigint,
  -- Nothing is sent before this time: the endpoint fails.
  not_before bigint not null default 0,
  holder text collate "C",
  held_until bigint,
  consecutive_failures bigint not null default 0,
  failing_since bigint,
  last_success_at bigint,
  last_failure_at bigint,
  constraint webhook_lanes_pkey primary key (part, endpoint_id)
) with (fillfactor = 50);
create index webhook_lanes_due_at_idx on webhook_lanes (part, due_at) where due_at is not null;
create index webhook_lanes_holder_idx on webhook_lanes (part, holder) where holder is not null;
select tenant_table('webhook_lanes', 'select, insert, update, delete');

-- Every request that was begun; its outcome is unknown until the answer is in.
create table webhook_attempts (
  part smallint not null,
  endpoint_id text collate "C" not null,
  attempt_id text collate "C" not null,
  position bigint not null,
  book text collate "C" not null,
  attempt int not null,
  status text collate "C" not null default 'unknown',
  begun_at bigint not null,
  url text not null,
  request_headers bytea,
  body_hash bytea,
  response_status int,
  response_headers bytea,
  response_body bytea,
  dns_us bigint,
  connect_us bigint,
  tls_us bigint,
  first_byte_us bigint,
  total_us bigint,
  address text,
  error_code text,
  constraint webhook_attempts_pkey primary key (part, endpoint_id, attempt_id)
) with (fillfactor = 60);
create index webhook_attempts_position_idx on webhook_attempts (part, position, attempt_id);
-- Rows arrive in order of time, so a block range index finds the old ones at next to no cost.
create index webhook_attempts_begun_at_idx on webhook_attempts using brin (part, begun_at);
select tenant_table('webhook_attempts', 'select, insert, update, delete');

-- Repetitions of a range, with their progress.
create table webhook_replays (
  part smallint not null,
  book text collate "C" not null,
  endpoint_id text collate "C" not null,
  replay_id text collate "C" not null,
  since bigint not null,
  until bigint not null,
  selection text collate "C" not null,
  status text collate "C" not null default 'running',
  -- The last position that was looked at, and the last of the range.
  position bigint not null,
  last_position bigint not null,
  total bigint,
  queued bigint not null default 0,
  requested_at bigint not null,
  finished_at bigint,
  constraint webhook_replays_pkey primary key (part, endpoint_id, replay_id)
);
select tenant_table('webhook_replays', 'select, insert, update, delete');

-- The column layout of postgres-es, with the new aggregate.
create or replace view postgres_es_events with (security_invoker = true) as
select case when events.stream like 'credits:%' then 'credits' else (
         case split_part(events.stream, '_', 1)
           when 'org' then 'organization' when 'key' then 'api_key' when 'job' then 'job'
           when 'sub' then 'submission' when 'wkr' then 'worker'
           when 'we' then 'webhook_endpoint' end) end as aggregate_type,
       events.stream as aggregate_id,
       version as sequence,
       event_type,
       schema_version::text as event_version,
       json_build_object(event_type, convert_from(payload, 'UTF8')::json) as payload,
       json_build_object('book', book, 'actor', actor, 'request_id', request_id,
                         'recorded_at', recorded_at::text) as metadata,
       part
from events;
