-- The rows that hold a unique value of the new rows already, and new rows that give one twice.
UNION ALL
SELECT '{table}_{unique}_key', t.id FROM {table} t JOIN new n ON lower(t.{unique}) = lower(n.{unique})
UNION ALL
SELECT '{table}_{unique}_key', n.id FROM new n
WHERE lower(n.{unique}) IN (SELECT lower({unique}) FROM new GROUP BY lower({unique}) HAVING count(*) > 1)
