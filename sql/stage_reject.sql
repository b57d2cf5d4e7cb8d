-- Take rows that name a missing user or aim off the stage. A row's ctid is its place in the input: COPY only appends.
WITH numbered AS MATERIALIZED (
    SELECT ctid AS place, row_number() OVER (ORDER BY ctid) - 1 AS n FROM useraim_stage
),
rejected AS (
    DELETE FROM useraim_stage WHERE user_id = ANY (%(users)s::uuid[]) OR aim_id = ANY (%(aims)s::uuid[])
    RETURNING ctid AS place, user_id, aim_id
)
SELECT n.n, r.user_id, r.aim_id FROM rejected r JOIN numbered n ON n.place = r.place ORDER BY n.n
