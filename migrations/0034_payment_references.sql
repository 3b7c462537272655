-- The operator lists what the payment provider told us, newest first, by type, purchase or outcome.
create index payment_events_received_idx on payment_events (part, received_at desc, event_id desc);
create index payment_events_type_idx
  on payment_events (part, event_type, received_at desc, event_id desc);
create index payment_events_purchase_idx
  on payment_events (part, purchase_id, received_at desc, event_id desc)
  where purchase_id is not null;
create index payment_events_outcome_idx
  on payment_events (part, (coalesce(outcome, 'waiting')), received_at desc, event_id desc);

-- Movements by what the payment provider calls them: its own statements are matched with them.
create index credit_transactions_external_ref_idx on credit_transactions (part, external_ref)
  where external_ref is not null;
create index credit_transactions_referred_at_idx
  on credit_transactions (part, created_at, external_ref)
  where external_ref is not null;
