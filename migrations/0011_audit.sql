-- The audit trail's index: which event concerns which job. The event itself is in the log.
create table audit_events (
  part smallint not null,
  book text collate "C" not null,
  position bigint not null,
  event_type text collate "C" not null,
  job_id text collate "C",
  constraint audit_events_pkey primary key (part, book, position)
);
create index audit_events_job_id_idx on audit_events (part, job_id, position) where job_id is not null;
-- No index by type: a book's trail is read in its own order, and an index entry for each event
-- would cost more than all filtered reads save.
select tenant_table('audit_events', 'select, insert, update, delete');
