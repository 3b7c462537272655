-- The first answer to every keyed request, written in the append's transaction. `digest` covers
-- book, method, path and key; `request_hash` the canonical body.
create table idempotency_keys (
  part smallint not null,
  digest bytea not null,
  book text collate "C" not null,
  request_hash bytea not null,
  created_at bigint not null,
  status smallint not null,
  sealed boolean not null,
  body bytea not null,
  constraint idempotency_keys_pkey primary key (part, digest)
);
-- Rows arrive in order of time, so a block range index finds the old ones at next to no cost.
create index idempotency_keys_created_at_idx on idempotency_keys using brin (part, created_at);
select tenant_table('idempotency_keys', 'select, insert, delete');
