-- Accounts of a book are listed page by page in the order of their names, each with what was posted to
-- it up to a position. Without this each page adds up the book's whole journal; it costs the follower
-- one more entry of an index for each posting.
create index journal_account_idx on journal (part, book, account, position) include (amount_cents);
