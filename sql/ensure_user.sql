-- Find a user by e-mail or create one. Of two callers at once the second waits, and then gets the first one's row.
WITH found AS (
    SELECT {columns} FROM users WHERE lower(email) = lower(%(email)s)
),
added AS (
    INSERT INTO users AS u (id, email, name)
    SELECT %(id)s::uuid, %(email)s::text, %(name)s::text WHERE NOT EXISTS (SELECT FROM found)
    ON CONFLICT (lower(email)) DO UPDATE SET email = u.email
    RETURNING {returned}, (xmax = 0) AS created
)
SELECT {columns}, false AS created FROM found
UNION ALL
SELECT {columns}, created FROM added
