-- Every movement of credits with its running balances. One event is one movement.
create table credit_transactions (
  part smallint not null,
  book text collate "C" not null,
  position bigint not null,
  type text collate "C" not null,
  amount_cents bigint not null,
  available_delta_cents bigint not null,
  held_delta_cents bigint not null,
  balance_after_cents bigint not null,
  held_after_cents bigint not null,
  description text not null,
  lot_id text collate "C",
  job_id text collate "C",
  submission_id text collate "C",
  expires_at bigint,
  created_at bigint not null,
  constraint credit_transactions_pkey primary key (part, book, position)
);
create index credit_transactions_job_id_idx on credit_transactions (part, job_id, position)
  where job_id is not null;
select tenant_table('credit_transactions', 'select, insert, update, delete');

-- The double-entry journal: the legs of every money event.
create table journal (
  part smallint not null,
  book text collate "C" not null,
  position bigint not null,
  leg smallint not null,
  account text collate "C" not null,
  amount_cents bigint not null,
  constraint journal_pkey primary key (part, book, position, leg)
);
select tenant_table('journal', 'select, insert, update, delete');

-- Every lot ever issued and where its cents are.
create table credit_lots (
  part smallint not null,
  book text collate "C" not null,
  lot_id text collate "C" not null,
  origin text collate "C" not null,
  issued_cents bigint not null,
  remaining_cents bigint not null,
  held_cents bigint not null,
  spent_cents bigint not null,
  expired_cents bigint not null,
  expires_at bigint,
  created_at bigint not null,
  constraint credit_lots_pkey primary key (part, book, lot_id)
) with (fillfactor = 70);
select tenant_table('credit_lots', 'select, insert, update, delete');
