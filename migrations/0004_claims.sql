-- Names that exist once in the whole service (e-mail addresses, phone numbers), by keyed hash.
create table claims (
  digest bytea primary key,
  subject text collate "C" not null
);
grant select, insert, update, delete on claims to firsthand_writer;

-- Personal data, erasable: events hold only the subject that it is filed under.
create table personal_data (
  part smallint not null,
  subject text collate "C" not null,
  kind text collate "C" not null,
  sealed bytea not null,
  constraint personal_data_pkey primary key (part, subject, kind)
);
grant select, insert, update, delete on personal_data to firsthand_writer;

-- Codes sent to phones, until they are used.
create table phone_codes (
  part smallint not null,
  organization text collate "C" not null,
  phone_digest bytea not null,
  code_digest bytea not null,
  expires_at bigint not null,
  attempts int not null default 0,
  constraint phone_codes_pkey primary key (part, organization)
);
grant select, insert, update, delete on phone_codes to firsthand_writer;
