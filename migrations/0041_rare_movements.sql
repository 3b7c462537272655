-- Of a busy book's movements nearly all are holds and deductions; one of another type was looked for among all of
-- them. Those two are found by walking the book, and cost nothing here.
create index credit_transactions_rare_idx on credit_transactions (part, book, position)
  where type not in ('hold', 'deduction');
