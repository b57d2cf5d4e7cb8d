-- No row has the unique value. Slots: table; theirs and ours, that column of t and the one given as they are compared.
AND NOT EXISTS (SELECT 1 FROM {table} t WHERE {theirs} = {ours})
