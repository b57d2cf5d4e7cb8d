-- Unique values that other rows hold, or that two of the wanted rows shall have.
UNION ALL
SELECT '{far}_{unique}_key', f.id
FROM {far} f JOIN (SELECT id, {unique} FROM new UNION ALL SELECT id, {unique} FROM kept) w
    ON lower(f.{unique}) = lower(w.{unique}) AND f.id <> w.id
UNION ALL
SELECT '{far}_{unique}_key', w.id
FROM (SELECT id, {unique} FROM new UNION ALL SELECT id, {unique} FROM kept) w
WHERE lower(w.{unique}) IN (
    SELECT lower({unique}) FROM (SELECT {unique} FROM new UNION ALL SELECT {unique} FROM kept) v
    GROUP BY lower({unique}) HAVING count(*) > 1
)
