-- A row that exists takes the new values, unless it has them. Slots: keys, the primary key; changes and differs, new values,
-- and whether one is another than m has.
ON CONFLICT ({keys}) DO UPDATE SET {changes}
    WHERE {differs}
