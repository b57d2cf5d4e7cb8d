-- Create a user unless there is one with the e-mail address; one of a caller at once is waited for.
-- Slots: theirs and ours, the address of u and the one given, as they are compared.
INSERT INTO users (id, email, name)
SELECT %(id)s, %(email)s, %(name)s WHERE NOT EXISTS (SELECT 1 FROM users u WHERE {theirs} = {ours})
ON CONFLICT DO NOTHING
RETURNING id
