-- Every uploaded file. Buyers see those with `approved_at`.
create table files (
  part smallint not null,
  file_id text collate "C" not null,
  book text collate "C" not null,
  job_id text collate "C" not null,
  submission_id text collate "C" not null,
  worker_id text collate "C" not null,
  worker_region text,
  content_type text not null,
  size_bytes bigint not null,
  content_hash text not null,
  perceptual_hash text,
  width int,
  height int,
  duration_ms bigint,
  original_filename text,
  storage_key text not null,
  ai_star_rating smallint,
  captured_at bigint,
  submitted_at bigint not null,
  approved_at bigint,
  constraint files_pkey primary key (part, file_id)
);
create index files_job_id_idx on files (part, job_id, file_id);
create index files_submission_id_idx on files (part, submission_id);
create index files_content_hash_idx on files (part, book, content_hash);
select tenant_table('files', 'select, insert, update, delete');
