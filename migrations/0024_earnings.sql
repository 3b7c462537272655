-- What a worker has earned, a row for each approved submission in the order of the worker's book. What
-- was earned before it is kept with it: a payout takes the oldest first, so that whether a row is paid
-- follows from two totals of the worker.
create table worker_earnings (
  part smallint not null,
  book text collate "C" not null,
  position bigint not null,
  submission_id text collate "C" not null,
  job_id text collate "C" not null,
  amount_cents bigint not null,
  before_cents bigint not null,
  earned_at bigint not null,
  available_at bigint not null,
  constraint worker_earnings_pkey primary key (part, book, position)
);
create index worker_earnings_submission_id_idx on worker_earnings (part, book, submission_id);
select tenant_table('worker_earnings', 'select, insert, update, delete');

-- Which payouts belong to which run.
create table batch_payouts (
  part smallint not null,
  batch_id text collate "C" not null,
  payout_id text collate "C" not null,
  constraint batch_payouts_pkey primary key (part, batch_id, payout_id)
);
grant select, insert, update, delete on batch_payouts to firsthand_writer;

-- Runs of payouts that the operator asked for. Filed under the part of their id; the task that opens
-- the payouts is owed in the transaction that files the run.
create table payout_batches (
  part smallint not null,
  batch_id text collate "C" not null,
  -- The operator's own name of the run, by which a repeat finds it.
  name text collate "C" not null,
  created_at bigint not null,
  -- Null until every worker was looked at.
  opened_at bigint,
  -- Workers whose payout was refused, by the reason, as JSON.
  skipped bytea,
  constraint payout_batches_pkey primary key (part, batch_id)
);
create unique index payout_batches_name_idx on payout_batches (part, name);
grant select, insert, update on payout_batches to firsthand_writer;
