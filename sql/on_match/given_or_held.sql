-- The new value of an attribute that only some links give; the others keep theirs. The subquery is hashed once, not run a row.
-- It reads the arrays again, as Citus lets it refer to parameters, but to no CTE.
-- Slots: keys, the columns that name a link among the wanted; held, those of m; name, the attribute; arrays, the parameters.
CASE WHEN ({held}) IN (SELECT {keys} FROM {arrays} AS g ({keys}, given) WHERE given IS NOT NULL)
    THEN excluded.{name} ELSE m.{name} END
