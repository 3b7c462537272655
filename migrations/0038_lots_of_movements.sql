-- Every movement of one lot only names it: from now on as it is written, and here for those that were written before.
set local role firsthand_writer;
update credit_transactions as t
set lot_id = convert_from(e.payload, 'UTF8')::jsonb #>> '{draws,0,lot_id}'
from events as e
where e.part = t.part and e.position = t.position and t.lot_id is null
  and e.event_type in ('credits.held', 'credits.captured', 'credits.released')
  and jsonb_array_length(convert_from(e.payload, 'UTF8')::jsonb -> 'draws') = 1;
update credit_transactions as t
set lot_id = coalesce(convert_from(e.payload, 'UTF8')::jsonb #>> '{draws,0,lot_id}',
                      convert_from(e.payload, 'UTF8')::jsonb #>> '{bonus,lot_id}')
from events as e
where e.part = t.part and e.position = t.position and t.lot_id is null
  and e.event_type = 'credits.charged_back'
  and jsonb_array_length(convert_from(e.payload, 'UTF8')::jsonb -> 'draws')
    + case when convert_from(e.payload, 'UTF8')::jsonb #>> '{bonus,lot_id}' is null then 0 else 1 end = 1;
reset role;
