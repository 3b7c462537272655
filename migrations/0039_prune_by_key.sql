-- What is pruned makes room for newer rows, so that after the first time old and new rows share blocks and a
-- block range says nothing any more: each pruning read the whole table. A key finds the old ones.
drop index idempotency_keys_created_at_idx;
create index idempotency_keys_created_at_idx on idempotency_keys (part, created_at);
drop index webhook_attempts_begun_at_idx;
create index webhook_attempts_begun_at_idx on webhook_attempts (part, begun_at);
