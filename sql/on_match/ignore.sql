-- A row that exists is left alone. Slots: keys, the primary key.
ON CONFLICT ({keys}) DO NOTHING
