-- Create a user unless there is one with the e-mail address; one of a caller at once is waited for.
INSERT INTO users (id, email, name)
SELECT %(id)s, %(email)s, %(name)s WHERE NOT EXISTS (SELECT 1 FROM users WHERE lower(email) = lower(%(email)s))
ON CONFLICT DO NOTHING
RETURNING id
