-- A submission's row is written again, twice as long, when it is uploaded and once more when it is scored, and its
-- neighbours on the page with it, in the same batch. Half a page, which 0036 leaves free, was too little for
-- that: a third of the changes at the score and more at the upload found no room, and each of them made new
-- entries in every index. So a new row brings along, as zeros, what it will grow by; the first change drops
-- them. Never compressed: their length is all they are for.
alter table streams add column room bytea not null default '';
alter table streams alter column room set storage plain;
