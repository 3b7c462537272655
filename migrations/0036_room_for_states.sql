-- A submission's row is written again when it is uploaded and when it is scored, each time a little longer,
-- and its neighbours on the page with it, in the same batch: at 80 % two thirds of the changes found no room
-- there and each made new entries in every index; at 50 % it is one third.
alter table streams set (fillfactor = 50);
