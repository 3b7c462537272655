-- How far each consumer has read each part.
create table cursors (
  part smallint not null,
  projector text collate "C" not null,
  position bigint not null default 0,
  constraint cursors_pkey primary key (part, projector)
);
grant select, insert, update, delete on cursors to firsthand_writer;

-- What is owed: an effect outside the log. Written with the reactor's cursor; leased by a runner;
-- deleted when done. A task with `dead_at` waits for a person.
create table tasks (
  part smallint not null,
  task_id text collate "C" not null,
  kind text collate "C" not null,
  book text collate "C" not null,
  payload bytea not null,
  due_at bigint not null,
  attempts int not null default 0,
  last_error text,
  dead_at bigint,
  constraint tasks_pkey primary key (part, task_id)
);
create index tasks_due_at_idx on tasks (part, due_at) where dead_at is null;
grant select, insert, update, delete on tasks to firsthand_writer;

-- What falls due: deadlines, retry windows, reservations, expiring credits.
create table timers (
  part smallint not null,
  stream text collate "C" not null,
  kind text collate "C" not null,
  subject text collate "C" not null,
  due_at bigint not null,
  constraint timers_pkey primary key (part, stream, kind, subject)
);
create index timers_due_at_idx on timers (part, due_at);
grant select, insert, update, delete on timers to firsthand_writer;
