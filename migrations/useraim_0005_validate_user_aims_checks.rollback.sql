-- Nothing to undo: a validated check may stay, and the rollback of 0004 drops it together with its column.
DO $$ BEGIN END $$;
