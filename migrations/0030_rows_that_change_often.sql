-- A file's row is changed twice soon after it was written, when it is scored and when it is moved, and no
-- column of an index changes with it: where its page has room, the indexes are left alone.
alter table files set (fillfactor = 60);

-- The state of a job with a thousand submissions under way is written with each batch that touches it:
-- compressing it must cost less than writing it.
do $$
begin
  if exists (select from pg_settings
             where name = 'default_toast_compression' and 'lz4' = any(enumvals)) then
    alter table streams alter column state set compression lz4;
  end if;
end
$$;
