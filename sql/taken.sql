-- The rows that hold a unique value of the new rows already, and new rows that give one twice.
-- Slots: table; constraint, its name; theirs and ours, the value of t and of n, as it is compared.
UNION ALL
SELECT '{constraint}', t.id FROM {table} t JOIN new n ON {theirs} = {ours}
UNION ALL
SELECT '{constraint}', n.id FROM new n
WHERE {ours} IN (SELECT {ours} FROM new n GROUP BY {ours} HAVING count(*) > 1)
