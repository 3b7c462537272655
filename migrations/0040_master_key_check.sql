-- Which master key this database belongs to: keyed hashes and seals made under one are worth nothing under
-- another, so no process may start with another. The row holds a keyed hash of a fixed text, never the key;
-- the first process that starts writes it, and the service can't change it.
create table master_key_check (
  one_row boolean default true
    constraint master_key_check_pkey primary key
    constraint master_key_check_one_row check (one_row),
  value bytea not null constraint master_key_check_value check (length(value) = 32)
);
grant select, insert on master_key_check to firsthand_writer;
