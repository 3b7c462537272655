-- Outcomes of attempts: see `settle` in outbox.rs.
with lane as materialized (
  select endpoint_id from webhook_lanes
  where part = $1 and endpoint_id = $2 and holder = $3 for update),
o as materialized (
  select u.* from lane, unnest(
    $8::text[], $9::bigint[], $10::boolean[], $11::boolean[], $12::int[], $13::bigint[],
    $14::bytea[], $15::bytea[], $16::int[], $17::bytea[], $18::bytea[], $19::bigint[],
    $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[], $24::text[], $25::text[],
    $27::bigint[])
    as u(attempt_id, position, delivered, counts, failures, due_at, request_headers,
         body_hash, response_status, response_headers, response_body, dns, connect, tls,
         first_byte, total, address, error_code, clock_due_at)),
logged as (
  update webhook_attempts as a
  set status = case when o.delivered then 'succeeded' else 'failed' end,
      request_headers = o.request_headers, body_hash = o.body_hash,
      response_status = o.response_status, response_headers = o.response_headers,
      response_body = o.response_body, dns_us = o.dns, connect_us = o.connect,
      tls_us = o.tls, first_byte_us = o.first_byte, total_us = o.total,
      address = o.address, error_code = o.error_code
  from o
  where a.part = $1 and a.endpoint_id = $2 and a.attempt_id = o.attempt_id),
moved as (
  update webhook_deliveries as d
  set status = case when o.delivered then 'delivered'
                    when d.status = 'pending' and o.due_at is null
                         and d.failures = o.failures then 'failed'
                    else d.status end,
      failures = d.failures
        + case when o.counts and not o.delivered and d.failures = o.failures
               then 1 else 0 end,
      due_at = case when d.failures = o.failures then coalesce(o.due_at, d.due_at)
                    else d.due_at end,
      clock_due_at = case when d.failures = o.failures then o.clock_due_at
                          else d.clock_due_at end,
      response_status = o.response_status, error_code = o.error_code
  from o
  where d.part = $1 and d.endpoint_id = $2 and d.position = o.position
  returning d.position, d.job_id, d.status, d.due_at, d.clock_due_at),
pushed as (
  update webhook_deliveries as d set due_at = m.due_at, clock_due_at = m.clock_due_at
  from moved m
  where $26::boolean and m.status = 'pending' and d.part = $1 and d.endpoint_id = $2
    and d.status = 'pending' and d.job_id = m.job_id and d.position > m.position
    and d.due_at < m.due_at),
fares as (
  update webhook_lanes as l
  set consecutive_failures = $4, failing_since = $5, last_success_at = $6,
      last_failure_at = $7
  from lane
  where l.part = $1 and l.endpoint_id = lane.endpoint_id
    and (l.consecutive_failures <> $4 or l.failing_since is distinct from $5
         or l.last_failure_at is distinct from $7
         or coalesce(l.last_success_at + 1000000 < $6, true)))
select exists (select from lane) as "held!"
