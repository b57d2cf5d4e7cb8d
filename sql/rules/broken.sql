-- A rule that would not hold. Slots: rule, the query for those it would not hold for.
UNION ALL
{rule}
