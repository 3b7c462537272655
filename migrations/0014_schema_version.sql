-- The last migration that was applied, for the service's readiness. The list itself is the owner's.
create function schema_version() returns bigint
language plpgsql stable security definer set search_path = public as $$
begin
  return (select max(version) from _sqlx_migrations where success);
end
$$;
revoke execute on function schema_version() from public;
grant execute on function schema_version() to firsthand_writer;
