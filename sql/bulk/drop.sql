-- What would vanish with the transaction, which may go on for long.
DROP TABLE pg_temp.useraim_stage
