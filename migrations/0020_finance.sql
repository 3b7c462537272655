-- What finance asks for. A balance at an instant is one probe of the first index, and a month is a
-- range of it: times increase with positions within a part.
create index credit_transactions_created_at_idx on credit_transactions (part, book, created_at);
-- Expired credits are few among all postings, and are added up month by month.
create index journal_breakage_idx on journal (part, position) where account = 'breakage';
