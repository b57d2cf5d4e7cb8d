-- A validated check stays as it is: the rollback of 0004 drops it with its column.
SELECT 1;
