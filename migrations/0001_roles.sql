-- Roles that own nothing and can't bypass row level security. The service connects as the owner
-- only to migrate, and else as `firsthand_app` (or as a role of the operator's), which takes on one
-- of two roles: `firsthand_writer` appends and projects over all books,
-- `firsthand_reader` answers tenants and sees only the book named in `firsthand.book`.
do $$
begin
  if not exists (select from pg_roles where rolname = 'firsthand_writer') then
    begin
      create role firsthand_writer nologin nobypassrls;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  if not exists (select from pg_roles where rolname = 'firsthand_reader') then
    begin
      create role firsthand_reader nologin nobypassrls;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  if not exists (select from pg_roles where rolname = 'firsthand_app') then
    begin
      create role firsthand_app login nobypassrls;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  grant firsthand_writer, firsthand_reader to firsthand_app;
  execute format('grant firsthand_writer, firsthand_reader to %I', current_user);
end
$$;

-- Enables and forces row level security on a tenant table, and grants what its two roles need.
create function tenant_table(name text, writer_rights text) returns void language plpgsql as $$
begin
  execute format('alter table %I enable row level security', name);
  execute format('alter table %I force row level security', name);
  execute format('create policy writer on %I to firsthand_writer using (true) with check (true)', name);
  execute format(
    'create policy tenant on %I for select to firsthand_reader using (book = current_setting(''firsthand.book'', true))',
    name);
  execute format('grant %s on %I to firsthand_writer', writer_rights, name);
  execute format('grant select on %I to firsthand_reader', name);
end
$$;
