-- Unique values that other rows hold, or that two of the wanted rows shall have.
-- Slots: far, the table; unique, its column; theirs and ours, the value of f and of w, as it is compared.
UNION ALL
SELECT '{far}_{unique}_key', f.id
FROM {far} f JOIN (SELECT id, {unique} FROM new UNION ALL SELECT id, {unique} FROM kept) w
    ON {theirs} = {ours} AND f.id <> w.id
UNION ALL
SELECT '{far}_{unique}_key', w.id
FROM (SELECT id, {unique} FROM new UNION ALL SELECT id, {unique} FROM kept) w
WHERE {ours} IN (
    SELECT {ours} FROM (SELECT {unique} FROM new UNION ALL SELECT {unique} FROM kept) w
    GROUP BY {ours} HAVING count(*) > 1
)
