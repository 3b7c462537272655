-- Statistics of the webhook tables, which grow from nothing. A plan that was made while a table was empty is kept
-- until the table is analyzed, which the server does a minute later by itself; until then it reads
-- whole partitions. The service's roles own no table, so this is the owner's. A table is analyzed when
-- half of it is new; one that somebody else works on is left alone.
create function refresh_statistics() returns integer
language plpgsql security definer set search_path = public as $$
declare
  stale text;
  analyzed integer := 0;
begin
  for stale in
    select format('%I', s.relname)
    from pg_stat_user_tables s
    join pg_class c on c.oid = s.relid
    where s.schemaname = 'public' and s.relname like 'webhook\_%'
      and s.n_mod_since_analyze > 200 + greatest(c.reltuples, 0) / 2
  loop
    execute 'analyze (skip_locked) ' || stale;
    analyzed := analyzed + 1;
  end loop;
  return analyzed;
end
$$;
revoke execute on function refresh_statistics() from public;
grant execute on function refresh_statistics() to firsthand_writer;
