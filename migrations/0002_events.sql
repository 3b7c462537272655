-- The log. A part is the unit of order: positions are gapless because they are taken under the row
-- lock of `parts` in the append's own transaction. Times are microseconds since the epoch.
create table parts (
  part smallint primary key,
  head bigint not null default 0,
  recorded_at bigint not null default 0,
  -- The leaf of the last event: a number alone does not say whose events it counts.
  leaf bytea not null default decode(repeat('00', 32), 'hex')
);
grant select, update on parts to firsthand_writer;

create table events (
  part smallint not null,
  position bigint not null,
  book text collate "C" not null,
  sequence bigint not null,
  stream text collate "C" not null,
  version bigint not null,
  event_type text collate "C" not null,
  schema_version smallint not null,
  recorded_at bigint not null,
  actor text collate "C" not null,
  request_id text collate "C" not null,
  payload bytea not null,
  leaf bytea not null,
  constraint events_pkey primary key (part, position),
  constraint events_stream_version_key unique (part, stream, version)
);
-- Append-only: nobody may change or delete an event.
select tenant_table('events', 'select, insert');

-- The current state of every stream, written in the append's transaction: it answers reads at once
-- and it is what a cold writer loads. `sequence` and `frontier` are set on the row that stands for
-- a book: the size and the Merkle frontier of the book's log.
create table streams (
  part smallint not null,
  stream text collate "C" not null,
  kind text collate "C" not null,
  book text collate "C" not null,
  version bigint not null,
  status text collate "C",
  parent text collate "C",
  sequence bigint not null default 0,
  frontier bytea not null default '',
  state bytea not null,
  constraint streams_pkey primary key (part, stream)
) with (fillfactor = 80);
create index streams_list_idx on streams (part, book, kind, stream);
create index streams_parent_idx on streams (part, parent, stream) where parent is not null;
select tenant_table('streams', 'select, insert, update');

-- For people: events with their payload as jsonb and their time as a time.
create view readable_events with (security_invoker = true) as
select part, position, book, sequence, stream, version, event_type, schema_version,
       timestamptz 'epoch' + recorded_at * interval '1 microsecond' as recorded_at,
       actor, request_id, convert_from(payload, 'UTF8')::jsonb as payload
from events;
grant select on readable_events to firsthand_writer, firsthand_reader;

-- For any postgres-es program: our log in the column layout that it reads.
create view postgres_es_events with (security_invoker = true) as
select case when events.stream like 'credits:%' then 'credits' else (
         case split_part(events.stream, '_', 1)
           when 'org' then 'organization' when 'key' then 'api_key' when 'job' then 'job'
           when 'sub' then 'submission' when 'wkr' then 'worker' end) end as aggregate_type,
       events.stream as aggregate_id,
       version as sequence,
       event_type,
       schema_version::text as event_version,
       json_build_object(event_type, convert_from(payload, 'UTF8')::json) as payload,
       json_build_object('book', book, 'actor', actor, 'request_id', request_id,
                         'recorded_at', recorded_at::text) as metadata,
       part
from events;
grant select on postgres_es_events to firsthand_writer;
