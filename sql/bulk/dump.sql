-- Memberships as CSV. Slots: rows, the query for them.
COPY ({rows}) TO STDOUT (FORMAT csv, HEADER, ENCODING 'UTF8')
