-- Active jobs as workers see them. Not a tenant's table: workers browse the jobs of all buyers.
create table available_jobs (
  job_id text collate "C" primary key,
  part smallint not null,
  files_open int not null,
  listing bytea not null
);
create index available_jobs_open_idx on available_jobs (job_id) where files_open > 0;
grant select, insert, update, delete on available_jobs to firsthand_writer;

-- Which submissions a worker has made, over all parts.
create table worker_submissions (
  worker_id text collate "C" not null,
  submission_id text collate "C" not null,
  accepted_at bigint not null,
  constraint worker_submissions_pkey primary key (worker_id, submission_id)
);
grant select, insert, update, delete on worker_submissions to firsthand_writer;
