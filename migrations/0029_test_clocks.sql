-- The time of an event's book, where the book has a clock of its own (a test clock). Null for every
-- other event: what happened when it was recorded needs no second time. Adding it rewrites nothing.
alter table events add column effective_at bigint;
-- The last event of such a book by an instant is one probe. No other event has an entry.
create index events_effective_at_idx on events (part, book, effective_at, position)
  where effective_at is not null;

create or replace view readable_events with (security_invoker = true) as
select part, position, book, sequence, stream, version, event_type, schema_version,
       timestamptz 'epoch' + recorded_at * interval '1 microsecond' as recorded_at,
       actor, request_id, convert_from(payload, 'UTF8')::jsonb as payload,
       timestamptz 'epoch' + effective_at * interval '1 microsecond' as effective_at
from events;

-- The column layout of postgres-es, with the new aggregate.
create or replace view postgres_es_events with (security_invoker = true) as
select case when events.stream like 'credits:%' then 'credits'
            when events.stream like 'test_clock:%' then 'test_clock' else (
         case split_part(events.stream, '_', 1)
           when 'org' then 'organization' when 'key' then 'api_key' when 'job' then 'job'
           when 'sub' then 'submission' when 'wkr' then 'worker'
           when 'we' then 'webhook_endpoint' when 'pur' then 'purchase' end) end as aggregate_type,
       events.stream as aggregate_id,
       version as sequence,
       event_type,
       schema_version::text as event_version,
       json_build_object(event_type, convert_from(payload, 'UTF8')::json) as payload,
       json_build_object('book', book, 'actor', actor, 'request_id', request_id,
                         'recorded_at', recorded_at::text) as metadata,
       part
from events;

-- Timers of a book with a clock of its own name the book: they fall due by its clock, and no schedule
-- of the process looks at them.
alter table timers add column clock text collate "C";
drop index timers_due_at_idx;
create index timers_due_at_idx on timers (part, due_at) where clock is null;
create index timers_clock_idx on timers (part, clock, due_at) where clock is not null;

-- So do its tasks. One that is due later by that clock is asleep until the clock gets there; from then
-- on it is a task like any other.
alter table tasks add column clock text collate "C";
alter table tasks add column asleep boolean not null default false;
drop index tasks_due_at_idx;
create index tasks_due_at_idx on tasks (part, due_at) where dead_at is null and not asleep;
create index tasks_clock_idx on tasks (part, clock, due_at) where clock is not null;

-- A repetition of a book with a clock of its own waits for that clock: until then it is due at no time
-- of ours.
alter table webhook_deliveries add column clock_due_at bigint;
create index webhook_deliveries_clock_idx on webhook_deliveries (part, book, clock_due_at)
  where clock_due_at is not null;
