-- What went back with the money that had paid for a lot.
alter table credit_lots add column charged_back_cents bigint not null default 0;

-- What the payment provider calls a payment, refund or dispute.
alter table credit_transactions add column external_ref text collate "C";

-- What the payment provider told us, as it was told, and what became of it: the evidence beside the
-- log. Filed under the part of the purchase that it names; 0 if it names none.
create table payment_events (
  part smallint not null,
  event_id text collate "C" not null,
  event_type text collate "C" not null,
  purchase_id text collate "C",
  received_at bigint not null,
  -- Null until it was looked at; then booked, ignored, unknown or refused.
  outcome text collate "C",
  payload bytea not null,
  constraint payment_events_pkey primary key (part, event_id)
);
grant select, insert, update on payment_events to firsthand_writer;
