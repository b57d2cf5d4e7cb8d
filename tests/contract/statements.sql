/* useraim aims.count */ SELECT COUNT(*) FROM "aims" WHERE "id" IN (SELECT "aim_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "user_id"=ANY(%(where0_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(where0_count)s::bigint) AND "id" IN (SELECT "aim_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "aim_id" IN (SELECT "aim_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "user_id"=ANY(%(where0_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(where0_count)s::bigint) AND "id" IN (SELECT "aim_id" FROM "user_aims" WHERE "user_id"=ANY(%(where1_ids)s::uuid[]));

/* useraim aims.create */ WITH added AS (
    INSERT INTO aims (id, title, description)
    SELECT %(id)s, %(title)s, %(description)s
    WHERE true  
    ON CONFLICT  DO NOTHING
    RETURNING id, title, description, created_at, updated_at
)
SELECT
    CASE WHEN id IS NULL THEN (SELECT id FROM aims WHERE id = %(id)s) END AS same_id,
    CASE WHEN id IS NULL THEN (SELECT t.id FROM aims t WHERE false AND LOWER(LOWER("t"."title" COLLATE "C") COLLATE "default") = LOWER(LOWER(%(title)s::text COLLATE "C") COLLATE "default")) END AS same_value,
    id, title, description, created_at, updated_at
FROM (SELECT 1) AS one LEFT JOIN added ON true;

/* useraim aims.create_many */ WITH new (id, title, description) AS MATERIALIZED (
    SELECT n.id, title, description FROM ROWS FROM (pg_catalog.unnest(%(ids)s::uuid[]), pg_catalog.unnest(%(new_title)s::text[]), pg_catalog.unnest(%(new_description)s::text[])) AS n (id, title, description)
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'aims_pkey', t.id FROM aims t WHERE t.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT 'aims_title_key', t.id FROM aims t JOIN new n ON LOWER(LOWER("t"."title" COLLATE "C") COLLATE "default") = LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") WHERE false
    UNION ALL
    SELECT 'aims_title_key', n.id FROM new n
    WHERE false AND LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") IN (SELECT LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") FROM new n GROUP BY LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") HAVING count(*) > 1)
),
added AS (
    INSERT INTO aims (id, title, description)
    SELECT n.id, title, description FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING id, title, description, created_at, updated_at
)
SELECT r.reason, r.id AS refused_id, a.id, a.title, a.description, a.created_at, a.updated_at FROM added a FULL JOIN refused r ON false;

/* useraim aims.delete */ DELETE FROM "aims" WHERE "id"=%(id)s RETURNING "id";

/* useraim aims.delete (lock) */ SELECT useraim_lock_users(ARRAY((SELECT DISTINCT "user_id" FROM "user_aims" WHERE "aim_id"=ANY(%(ids)s::uuid[]) ORDER BY "user_id")));

/* useraim aims.delete_many */ WITH ruled (id) AS MATERIALIZED (
    SELECT DISTINCT user_id FROM user_aims WHERE aim_id = ANY (%(ids)s::uuid[])
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT aim_id, user_id, joined_at, permissions, role FROM user_aims
    WHERE user_id = ANY (ARRAY(SELECT id FROM ruled)) AND aim_id NOT IN (SELECT pg_catalog.unnest(%(ids)s::uuid[]))
),

refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN ((SELECT "id" FROM "ruled") EXCEPT (SELECT "user_id" FROM "after" WHERE ("role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz AND "aim_id"=ANY(%(must2_ids)s::uuid[]))))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" GROUP BY "user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
deleted AS (
    DELETE FROM aims WHERE id = ANY (%(ids)s::uuid[]) AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'deleted', id FROM deleted;

/* useraim aims.exists */ SELECT "id" FROM "aims" WHERE "id"=%(id)s;

/* useraim aims.find_many */ SELECT "id","title","description","created_at","updated_at" FROM "aims" WHERE "id"=ANY(%(ids)s::uuid[]);

/* useraim aims.frame */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."id"),''),pg_catalog.string_agg("r"."title",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."title")),''),pg_catalog.string_agg("r"."description",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."description")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "id" "id",pg_catalog.convert_to(CAST("title" AS TEXT),'UTF8') "title",pg_catalog.convert_to(CAST("description" AS TEXT),'UTF8') "description","created_at" "created_at","updated_at" "updated_at" FROM "aims" WHERE "id" IN (SELECT "aim_id" FROM "user_aims" WHERE "user_id"=ANY(%(where0_ids)s::uuid[])) AND ("title" ILIKE %(pattern)s OR "description" ILIKE %(pattern)s) OFFSET '0') "r";

/* useraim aims.frames */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."id"),''),pg_catalog.string_agg("r"."title",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."title")),''),pg_catalog.string_agg("r"."description",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."description")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "id" "id",pg_catalog.convert_to(CAST("title" AS TEXT),'UTF8') "title",pg_catalog.convert_to(CAST("description" AS TEXT),'UTF8') "description","created_at" "created_at","updated_at" "updated_at" FROM "aims" WHERE "id" IN (SELECT "aim_id" FROM "user_aims" WHERE "user_id"=ANY(%(where0_ids)s::uuid[])) AND ("title" ILIKE %(pattern)s OR "description" ILIKE %(pattern)s) AND ("id")>(%(place_0)s::uuid) ORDER BY "id" ASC LIMIT %(limit)s::bigint) "r";

/* useraim aims.get */ SELECT "id","title","description","created_at","updated_at" FROM "aims" WHERE "id"=%(id)s;

/* useraim aims.page */ SELECT "id","title","description","created_at","updated_at" FROM "aims" WHERE "id" IN (SELECT "aim_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "user_id"=ANY(%(where0_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(where0_count)s::bigint) AND "id" IN (SELECT "aim_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "aim_id" IN (SELECT "aim_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "user_id"=ANY(%(where0_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(where0_count)s::bigint) ORDER BY "created_at" ASC,"id" ASC LIMIT %(limit)s::bigint;

/* useraim aims.update */ WITH held AS MATERIALIZED (
    SELECT id, title, description, created_at, updated_at FROM aims WHERE id = %(id)s FOR NO KEY UPDATE
),
taken AS (
    SELECT t.id FROM aims t WHERE false AND LOWER(LOWER("t"."title" COLLATE "C") COLLATE "default") = NULL AND t.id <> %(id)s
),
updated AS (
    UPDATE aims t SET title = %(title)s::text, description = %(description)s::text, updated_at = now() FROM held h
    WHERE t.id = %(id)s AND t.id = h.id AND NOT EXISTS (SELECT 1 FROM taken) AND (h.title OPERATOR(pg_catalog.<>) %(title)s::text OR h.description OPERATOR(pg_catalog.<>) %(description)s::text)
    RETURNING t.id, t.title, t.description, t.created_at, t.updated_at
)
SELECT (SELECT id FROM taken LIMIT 1) AS taken, id, title, description, created_at, updated_at FROM updated
UNION ALL
SELECT (SELECT id FROM taken LIMIT 1), id, title, description, created_at, updated_at FROM held WHERE NOT EXISTS (SELECT 1 FROM updated);

/* useraim aims.users (hold) */ SELECT COUNT(*) FROM (SELECT useraim_hold_aim_links(%(source)s) "id") "h";

/* useraim aims.users (hold_row) */ SELECT 1 FROM "aims" WHERE "id"=%(id)s FOR UPDATE;

/* useraim aims.users (lock) */ SELECT useraim_lock_aim(%(source)s);

/* useraim aims.users (lock_far) */ SELECT useraim_lock_users(%(ids)s::uuid[]);

/* useraim aims.users (lock_links) */ SELECT useraim_lock_aim_links(%(source)s,%(far)s::uuid[]);

/* useraim aims.users.append */ WITH wanted (user_id, role, permissions, joined_at) AS MATERIALIZED (
    SELECT user_id, w.role::text, w.permissions::text[], w.joined_at::timestamptz FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[]), pg_catalog.unnest(%(permissions)s::text[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS w (user_id, role, permissions, joined_at)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT %(source)s::uuid, coalesce(w.user_id, m.user_id), coalesce(m.joined_at, w.joined_at, now()), coalesce(m.permissions, w.permissions, '{}'), coalesce(m.role, w.role, 'member')
    FROM (SELECT user_id, joined_at, permissions, role FROM user_aims WHERE aim_id = %(source)s) m
    FULL JOIN wanted w ON w.user_id = m.user_id
    WHERE w.user_id IS NOT NULL OR NOT false
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM aims WHERE id = %(source)s FOR KEY SHARE)
    UNION ALL
    SELECT 'far', w.user_id FROM wanted w LEFT JOIN users f ON f.id = w.user_id WHERE f.id IS NULL
    UNION ALL
    SELECT 'held', m.user_id FROM user_aims m
    WHERE false AND m.aim_id = %(source)s AND m.user_id = ANY (%(far)s::uuid[])
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."user_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."aim_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE "after"."aim_id"="r"."id" GROUP BY "after"."aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims m
    WHERE false AND m.aim_id = %(source)s
        AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.user_id = m.user_id)
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING m.user_id
),
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT s.id, %(source)s::uuid, coalesce(w.role, 'member'), coalesce(w.permissions, '{}'), coalesce(w.joined_at, now()) FROM wanted w JOIN users s ON s.id = w.user_id
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.user_id
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING m.user_id, (xmax = 0) AS inserted
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, user_id FROM put
UNION ALL
SELECT 'removed', user_id FROM removed;

/* useraim aims.users.clear */ WITH ruled (id) AS (
    SELECT %(source)s::uuid
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT aim_id, user_id, joined_at, permissions, role FROM user_aims
    WHERE NOT true AND aim_id = %(source)s AND user_id NOT IN (SELECT pg_catalog.unnest(%(far)s::uuid[]))
),

refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."user_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."aim_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE "after"."aim_id"="r"."id" GROUP BY "after"."aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims
    WHERE aim_id = %(source)s AND (true OR user_id = ANY (%(far)s::uuid[]))
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING user_id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', user_id FROM removed;

/* useraim aims.users.common */ SELECT "id","name","email","created_at","updated_at" FROM "users" WHERE "id"=ANY(ARRAY((SELECT "user_id" FROM "user_aims" WHERE "aim_id"=ANY(%(sources)s::uuid[]) AND "role"=ANY(%(link_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "joined_at">=%(link_joined_from)s::timestamptz AND "joined_at"<%(link_joined_before)s::timestamptz GROUP BY "user_id" HAVING COUNT(*)=%(count)s::bigint))) ORDER BY "name","id";

/* useraim aims.users.count */ SELECT pg_catalog.string_agg(pg_catalog.uuid_send("c"."id") OPERATOR(pg_catalog.||) pg_catalog.int8send("c"."links"),'') FROM (SELECT "m"."aim_id" "id",COUNT(*) "links" FROM "user_aims" "m" WHERE "m"."aim_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz GROUP BY "m"."aim_id") "c";

/* useraim aims.users.count_by_role */ SELECT "m"."aim_id","m"."role",COUNT(*) FROM "user_aims" "m" WHERE "m"."aim_id"=ANY(%(sources)s::uuid[]) GROUP BY "m"."aim_id","m"."role" ORDER BY "m"."aim_id","m"."role";

/* useraim aims.users.create */ WITH new (id, name, email) AS MATERIALIZED (
    SELECT n.id, name, email FROM ROWS FROM (pg_catalog.unnest(%(ids)s::uuid[]), pg_catalog.unnest(%(new_name)s::text[]), pg_catalog.unnest(%(new_email)s::text[])) AS n (id, name, email)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT aim_id, user_id, joined_at, permissions, role FROM user_aims WHERE aim_id = %(source)s
    UNION ALL
    SELECT %(source)s::uuid, n.id, %(joined_at)s::timestamptz, %(permissions)s::text[], %(role)s::text FROM new n
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'users_pkey', t.id FROM users t WHERE t.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT 'users_email_key', t.id FROM users t JOIN new n ON LOWER(LOWER("t"."email" COLLATE "C") COLLATE "default") = LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") WHERE true
    UNION ALL
    SELECT 'users_email_key', n.id FROM new n
    WHERE true AND LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") IN (SELECT LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") FROM new n GROUP BY LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") HAVING count(*) > 1)
    UNION ALL
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM aims WHERE id = %(source)s FOR KEY SHARE)
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."user_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."aim_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE "after"."aim_id"="r"."id" GROUP BY "after"."aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
added AS (
    INSERT INTO users (id, name, email)
    SELECT n.id, name, email FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING id, name, email, created_at, updated_at
),
linked AS (
    INSERT INTO user_aims AS m (aim_id, user_id, role, permissions, joined_at)
    SELECT s.id, a.id, %(role)s::text, %(permissions)s::text[], %(joined_at)s::timestamptz FROM added a JOIN aims s ON s.id = %(source)s ORDER BY a.id
    RETURNING m.user_id, m.role, m.permissions, m.joined_at
)
SELECT r.reason, r.id AS refused_id, a.id, a.name, a.email, a.created_at, a.updated_at, m.role, m.permissions, m.joined_at
FROM (added a JOIN linked m ON m.user_id = a.id) FULL JOIN refused r ON false;

/* useraim aims.users.direct_control */ WITH held (id) AS MATERIALIZED (
    SELECT h.id FROM useraim_hold_aim_links(%(source)s) AS h (id)
),
kept (id, name, email) AS MATERIALIZED (
    SELECT k.id, name, email FROM ROWS FROM (pg_catalog.unnest(%(kept)s::uuid[]), pg_catalog.unnest(%(kept_name)s::text[]), pg_catalog.unnest(%(kept_email)s::text[])) AS k (id, name, email)
),
new (id, name, email) AS MATERIALIZED (
    SELECT n.id, name, email FROM ROWS FROM (pg_catalog.unnest(%(ids)s::uuid[]), pg_catalog.unnest(%(new_name)s::text[]), pg_catalog.unnest(%(new_email)s::text[])) AS n (id, name, email)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT aim_id, user_id, joined_at, permissions, role FROM user_aims
    WHERE aim_id = %(source)s AND user_id IN (SELECT id FROM kept)
    UNION ALL
    SELECT %(source)s::uuid, n.id, now(), '{}', 'member' FROM new n
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid WHERE NOT EXISTS (SELECT 1 FROM aims WHERE id = %(source)s)
    UNION ALL
    SELECT CASE WHEN f.id IS NULL THEN 'far' ELSE 'absent' END, k.id
    FROM kept k LEFT JOIN users f ON f.id = k.id
    WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.id = k.id)
    UNION ALL
    SELECT 'users_pkey', f.id FROM users f WHERE f.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT 'users_email_key', f.id
    FROM users f JOIN (SELECT id, email FROM new UNION ALL SELECT id, email FROM kept) w
        ON LOWER(LOWER("f"."email" COLLATE "C") COLLATE "default") = LOWER(LOWER("w"."email" COLLATE "C") COLLATE "default") AND f.id <> w.id
    WHERE true
    UNION ALL
    SELECT 'users_email_key', w.id
    FROM (SELECT id, email FROM new UNION ALL SELECT id, email FROM kept) w
    WHERE true AND LOWER(LOWER("w"."email" COLLATE "C") COLLATE "default") IN (
        SELECT LOWER(LOWER("w"."email" COLLATE "C") COLLATE "default") FROM (SELECT email FROM new UNION ALL SELECT email FROM kept) w
        GROUP BY LOWER(LOWER("w"."email" COLLATE "C") COLLATE "default") HAVING count(*) > 1
    )
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."user_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."aim_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE "after"."aim_id"="r"."id" GROUP BY "after"."aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM users WHERE id IN (SELECT id FROM held EXCEPT SELECT id FROM kept)
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING id
),
updated AS (
    UPDATE users f SET name = coalesce(k.name, f.name), email = coalesce(k.email, f.email), updated_at = now() FROM kept k
    WHERE f.id = k.id AND NOT EXISTS (SELECT 1 FROM refused) AND (f.name OPERATOR(pg_catalog.<>) coalesce(k.name, f.name) OR f.email OPERATOR(pg_catalog.<>) coalesce(k.email, f.email))
    RETURNING f.id
),
created AS (
    INSERT INTO users (id, name, email)
    SELECT n.id, name, email FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING id
),
added AS (
    INSERT INTO user_aims AS m (aim_id, user_id)
    SELECT s.id, c.id FROM created c JOIN aims s ON s.id = %(source)s ORDER BY c.id
    RETURNING m.user_id AS id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', id FROM removed
UNION ALL
SELECT 'updated', id FROM updated
UNION ALL
SELECT 'added', id FROM added;

/* useraim aims.users.frame */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."aim_id"),''),pg_catalog.string_agg(pg_catalog.uuid_send("r"."user_id"),''),pg_catalog.string_agg("r"."role",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."role")),''),pg_catalog.string_agg("r"."permissions",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."permissions")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."joined_at"),''),pg_catalog.string_agg("r"."name",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."name")),''),pg_catalog.string_agg("r"."email",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."email")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "m"."aim_id" "aim_id","m"."user_id" "user_id",pg_catalog.convert_to(CAST("m"."role" AS TEXT),'UTF8') "role",pg_catalog.convert_to(CAST("m"."permissions" AS TEXT),'UTF8') "permissions","m"."joined_at" "joined_at",pg_catalog.convert_to(CAST("f"."name" AS TEXT),'UTF8') "name",pg_catalog.convert_to(CAST("f"."email" AS TEXT),'UTF8') "email","f"."created_at" "created_at","f"."updated_at" "updated_at" FROM "user_aims" "m" JOIN "users" "f" ON "f"."id"="m"."user_id" WHERE "m"."aim_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz OFFSET '0') "r";

/* useraim aims.users.frames */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."aim_id"),''),pg_catalog.string_agg(pg_catalog.uuid_send("r"."user_id"),''),pg_catalog.string_agg("r"."role",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."role")),''),pg_catalog.string_agg("r"."permissions",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."permissions")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."joined_at"),''),pg_catalog.string_agg("r"."name",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."name")),''),pg_catalog.string_agg("r"."email",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."email")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "m"."aim_id" "aim_id","m"."user_id" "user_id",pg_catalog.convert_to(CAST("m"."role" AS TEXT),'UTF8') "role",pg_catalog.convert_to(CAST("m"."permissions" AS TEXT),'UTF8') "permissions","m"."joined_at" "joined_at",pg_catalog.convert_to(CAST("f"."name" AS TEXT),'UTF8') "name",pg_catalog.convert_to(CAST("f"."email" AS TEXT),'UTF8') "email","f"."created_at" "created_at","f"."updated_at" "updated_at" FROM "user_aims" "m" JOIN "users" "f" ON "f"."id"="m"."user_id" WHERE "m"."aim_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz AND ("m"."aim_id","m"."user_id")>(%(place_0)s::uuid,%(place_1)s::uuid) ORDER BY "m"."aim_id" ASC,"m"."user_id" ASC LIMIT %(limit)s::bigint) "r";

/* useraim aims.users.has */ SELECT EXISTS (SELECT 1 FROM "user_aims" "m" WHERE "m"."aim_id"=%(source)s AND "m"."user_id"=%(far)s AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz);

/* useraim aims.users.load */ WITH links (source, far, role, permissions, joined_at, place) AS MATERIALIZED (
SELECT "n"."aim_id","n"."user_id","n"."role","n"."permissions","n"."joined_at","n"."place" FROM (SELECT "m"."aim_id","m"."user_id","m"."role","m"."permissions","m"."joined_at",ROW_NUMBER() OVER(PARTITION BY "m"."aim_id" ORDER BY "f"."created_at" DESC,"m"."user_id" DESC) "place" FROM "user_aims" "m" JOIN "users" "f" ON "f"."id"="m"."user_id" WHERE "m"."aim_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz) "n" WHERE "n"."place">%(offset)s::bigint AND "n"."place"<=COALESCE(%(last)s::bigint,"n"."place")
ORDER BY 6 ASC NULLS FIRST, 2 ASC
)
SELECT uuid_send(r.source), uuid_send(r.far), role, permissions, joined_at, id, name, email, created_at, updated_at
FROM (
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, id, name, email, created_at, updated_at FROM users WHERE id = ANY (ARRAY(SELECT DISTINCT far FROM links))
    UNION ALL
    SELECT source, far, role, permissions, joined_at, place, NULL, NULL, NULL, NULL, NULL FROM links
) AS r (source, far, role, permissions, joined_at, place, id, name, email, created_at, updated_at)
ORDER BY r.place ASC NULLS FIRST, r.far ASC;

/* useraim aims.users.of */ SELECT "m"."role","m"."permissions","m"."joined_at","f"."id","f"."name","f"."email","f"."created_at","f"."updated_at" FROM "user_aims" "m" JOIN "users" "f" ON "f"."id"="m"."user_id" WHERE "m"."aim_id"=%(source)s AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz ORDER BY "f"."created_at" DESC,"m"."user_id" DESC LIMIT %(last)s::bigint-%(offset)s::bigint OFFSET %(offset)s::bigint;

/* useraim aims.users.page */ SELECT "m"."role","m"."permissions","m"."joined_at","f"."id","f"."name","f"."email","f"."created_at","f"."updated_at" FROM "user_aims" "m" JOIN "users" "f" ON "f"."id"="m"."user_id" WHERE "m"."aim_id"=%(source)s AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz AND ("f"."created_at","m"."user_id")<(%(place_0)s::timestamptz,%(place_1)s::uuid) ORDER BY "f"."created_at" DESC,"m"."user_id" DESC LIMIT %(limit)s::bigint;

/* useraim aims.users.remove */ WITH ruled (id) AS (
    SELECT %(source)s::uuid
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT aim_id, user_id, joined_at, permissions, role FROM user_aims
    WHERE NOT false AND aim_id = %(source)s AND user_id NOT IN (SELECT pg_catalog.unnest(%(far)s::uuid[]))
),

refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."user_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."aim_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE "after"."aim_id"="r"."id" GROUP BY "after"."aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims
    WHERE aim_id = %(source)s AND (false OR user_id = ANY (%(far)s::uuid[]))
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING user_id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', user_id FROM removed;

/* useraim aims.users.replace */ WITH wanted (user_id, role, permissions, joined_at) AS MATERIALIZED (
    SELECT user_id, w.role::text, w.permissions::text[], w.joined_at::timestamptz FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[]), pg_catalog.unnest(%(permissions)s::text[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS w (user_id, role, permissions, joined_at)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT %(source)s::uuid, coalesce(w.user_id, m.user_id), coalesce(m.joined_at, w.joined_at, now()), coalesce(m.permissions, w.permissions, '{}'), coalesce(m.role, w.role, 'member')
    FROM (SELECT user_id, joined_at, permissions, role FROM user_aims WHERE aim_id = %(source)s) m
    FULL JOIN wanted w ON w.user_id = m.user_id
    WHERE w.user_id IS NOT NULL OR NOT true
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM aims WHERE id = %(source)s FOR KEY SHARE)
    UNION ALL
    SELECT 'far', w.user_id FROM wanted w LEFT JOIN users f ON f.id = w.user_id WHERE f.id IS NULL
    UNION ALL
    SELECT 'held', m.user_id FROM user_aims m
    WHERE false AND m.aim_id = %(source)s AND m.user_id = ANY (%(far)s::uuid[])
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."user_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."aim_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE "after"."aim_id"="r"."id" GROUP BY "after"."aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims m
    WHERE true AND m.aim_id = %(source)s
        AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.user_id = m.user_id)
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING m.user_id
),
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT s.id, %(source)s::uuid, coalesce(w.role, 'member'), coalesce(w.permissions, '{}'), coalesce(w.joined_at, now()) FROM wanted w JOIN users s ON s.id = w.user_id
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.user_id
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING m.user_id, (xmax = 0) AS inserted
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, user_id FROM put
UNION ALL
SELECT 'removed', user_id FROM removed;

/* useraim aims.users.update */ WITH wanted (user_id, role, permissions, joined_at) AS MATERIALIZED (
    SELECT user_id, w.role::text, w.permissions::text[], w.joined_at::timestamptz FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[]), pg_catalog.unnest(%(permissions)s::text[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS w (user_id, role, permissions, joined_at)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (aim_id, user_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT %(source)s::uuid, coalesce(w.user_id, m.user_id), coalesce(w.joined_at, m.joined_at, now()), coalesce(w.permissions, m.permissions, '{}'), coalesce(w.role, m.role, 'member')
    FROM (SELECT user_id, joined_at, permissions, role FROM user_aims WHERE aim_id = %(source)s) m
    FULL JOIN wanted w ON w.user_id = m.user_id
    WHERE w.user_id IS NOT NULL OR NOT false
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'absent', w.user_id FROM wanted w
    WHERE w.user_id NOT IN (
        SELECT m.user_id FROM user_aims m WHERE m.aim_id = %(source)s AND m.user_id = ANY (%(far)s::uuid[])
    )
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."user_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."aim_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."aim_id" FROM "after" WHERE "after"."aim_id"="r"."id" GROUP BY "after"."aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
updated AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT s.id, %(source)s::uuid, coalesce(w.role, 'member'), coalesce(w.permissions, '{}'), coalesce(w.joined_at, now()) FROM wanted w JOIN users s ON s.id = w.user_id
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.user_id
    ON CONFLICT (user_id, aim_id) DO UPDATE SET role = CASE WHEN (m.user_id) IN (SELECT user_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[])) AS g (user_id, given) WHERE given IS NOT NULL)
    THEN excluded.role ELSE m.role END, permissions = CASE WHEN (m.user_id) IN (SELECT user_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(permissions)s::text[])) AS g (user_id, given) WHERE given IS NOT NULL)
    THEN excluded.permissions ELSE m.permissions END, joined_at = CASE WHEN (m.user_id) IN (SELECT user_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS g (user_id, given) WHERE given IS NOT NULL)
    THEN excluded.joined_at ELSE m.joined_at END
    WHERE m.role OPERATOR(pg_catalog.<>) CASE WHEN (m.user_id) IN (SELECT user_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[])) AS g (user_id, given) WHERE given IS NOT NULL)
    THEN excluded.role ELSE m.role END OR m.permissions OPERATOR(pg_catalog.<>) CASE WHEN (m.user_id) IN (SELECT user_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(permissions)s::text[])) AS g (user_id, given) WHERE given IS NOT NULL)
    THEN excluded.permissions ELSE m.permissions END OR m.joined_at OPERATOR(pg_catalog.<>) CASE WHEN (m.user_id) IN (SELECT user_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS g (user_id, given) WHERE given IS NOT NULL)
    THEN excluded.joined_at ELSE m.joined_at END
    RETURNING m.user_id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'updated', user_id FROM updated;

/* useraim aims.users.version */ SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
    coalesce(pg_catalog.string_agg(ROW(m.user_id, m.role, m.permissions, extract(epoch FROM m.joined_at))::text, ',' ORDER BY m.user_id), ''), pg_catalog.getdatabaseencoding()
)), 'hex') AS version
FROM user_aims m WHERE m.aim_id = %(source)s;

/* useraim user_aims.as_before */ SELECT pg_catalog.set_config('enable_seqscan',pg_catalog.current_setting('useraim.enable_seqscan'),true);

/* useraim user_aims.by_key */ SELECT pg_catalog.set_config('useraim.enable_seqscan',pg_catalog.current_setting('enable_seqscan'),true),pg_catalog.set_config('enable_seqscan','off',true);

/* useraim user_aims.count */ SELECT COUNT(*) FROM "user_aims" WHERE "role"=ANY(%(link_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND timezone('UTC',"joined_at")>=timezone('UTC',%(link_joined_from)s::timestamptz) AND timezone('UTC',"joined_at")<timezone('UTC',%(link_joined_before)s::timestamptz);

/* useraim user_aims.create */ WITH aim AS MATERIALIZED (
    SELECT id FROM aims WHERE id = %(aim_id)s
),
added AS (
    INSERT INTO user_aims (user_id, aim_id, role, permissions, joined_at)
    SELECT u.id, a.id, %(role)s::text, %(permissions)s::text[], %(joined_at)s::timestamptz FROM users u CROSS JOIN aim a WHERE u.id = %(user_id)s
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING user_id, aim_id, role, permissions, joined_at
)
SELECT
    CASE WHEN user_id IS NULL THEN EXISTS (SELECT 1 FROM users WHERE id = %(user_id)s) END AS has_user,
    CASE WHEN user_id IS NULL THEN EXISTS (SELECT 1 FROM aims WHERE id = %(aim_id)s) END AS has_aim,
    user_id, aim_id, role, permissions, joined_at
FROM (SELECT 1) AS one LEFT JOIN added ON true;

/* useraim user_aims.delete */ DELETE FROM "user_aims" WHERE "user_id"=%(user_id)s AND "aim_id"=%(aim_id)s RETURNING "user_id";

/* useraim user_aims.delete_many */ DELETE FROM user_aims m USING unnest(%(user_ids)s::uuid[], %(aim_ids)s::uuid[]) AS w (user_id, aim_id)
WHERE m.user_id = ANY (ARRAY[w.user_id]) AND m.aim_id = ANY (ARRAY[w.aim_id])
RETURNING m.user_id, m.aim_id;

/* useraim user_aims.find_many */ SELECT "m"."user_id","m"."aim_id","m"."role","m"."permissions","m"."joined_at" FROM unnest(%(user_ids)s::uuid[], %(aim_ids)s::uuid[]) AS "w" (user_id, aim_id) JOIN "user_aims" "m" ON "m"."user_id"="w"."user_id" AND "m"."aim_id"="w"."aim_id";

/* useraim user_aims.frame */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."user_id"),''),pg_catalog.string_agg(pg_catalog.uuid_send("r"."aim_id"),''),pg_catalog.string_agg("r"."role",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."role")),''),pg_catalog.string_agg("r"."permissions",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."permissions")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."joined_at"),'') FROM (SELECT "m"."user_id" "user_id","m"."aim_id" "aim_id",pg_catalog.convert_to(CAST("m"."role" AS TEXT),'UTF8') "role",pg_catalog.convert_to(CAST("m"."permissions" AS TEXT),'UTF8') "permissions","m"."joined_at" "joined_at" FROM "user_aims" "m" WHERE "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND timezone('UTC',"m"."joined_at")>=timezone('UTC',%(link_joined_from)s::timestamptz) AND timezone('UTC',"m"."joined_at")<timezone('UTC',%(link_joined_before)s::timestamptz) OFFSET '0') "r";

/* useraim user_aims.frames */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."user_id"),''),pg_catalog.string_agg(pg_catalog.uuid_send("r"."aim_id"),''),pg_catalog.string_agg("r"."role",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."role")),''),pg_catalog.string_agg("r"."permissions",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."permissions")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."joined_at"),'') FROM (SELECT "m"."user_id" "user_id","m"."aim_id" "aim_id",pg_catalog.convert_to(CAST("m"."role" AS TEXT),'UTF8') "role",pg_catalog.convert_to(CAST("m"."permissions" AS TEXT),'UTF8') "permissions","m"."joined_at" "joined_at" FROM "user_aims" "m" WHERE "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND timezone('UTC',"m"."joined_at")>=timezone('UTC',%(link_joined_from)s::timestamptz) AND timezone('UTC',"m"."joined_at")<timezone('UTC',%(link_joined_before)s::timestamptz) AND ("m"."user_id","m"."aim_id")>(%(place_0)s::uuid,%(place_1)s::uuid) ORDER BY "m"."user_id" ASC,"m"."aim_id" ASC LIMIT %(limit)s::bigint) "r";

/* useraim user_aims.get */ SELECT "user_id","aim_id","role","permissions","joined_at" FROM "user_aims" WHERE "user_id"=%(user_id)s AND "aim_id"=%(aim_id)s;

/* useraim user_aims.grant */ WITH held AS MATERIALIZED (
    SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims WHERE user_id = %(user_id)s AND aim_id = %(aim_id)s FOR NO KEY UPDATE
),
updated AS (
    UPDATE user_aims m SET permissions = m.permissions OPERATOR(pg_catalog.||) ARRAY(
        SELECT p FROM pg_catalog.unnest(%(permissions)s::text[]) WITH ORDINALITY AS g (p, n)
        WHERE p <> ALL (m.permissions) ORDER BY n
    )
    FROM held h
    WHERE m.user_id = %(user_id)s AND m.aim_id = %(aim_id)s AND m.user_id = h.user_id
        AND NOT h.permissions OPERATOR(pg_catalog.@>) %(permissions)s::text[]
    RETURNING m.user_id, m.aim_id, m.role, m.permissions, m.joined_at
)
SELECT true AS updated, user_id, aim_id, role, permissions, joined_at FROM updated
UNION ALL
SELECT false, user_id, aim_id, role, permissions, joined_at FROM held WHERE NOT EXISTS (SELECT 1 FROM updated);

/* useraim user_aims.merge */ WITH missing (id) AS MATERIALIZED (
    SELECT w.id FROM pg_catalog.unnest(%(users)s::uuid[]) AS w (id) LEFT JOIN users u ON u.id = w.id WHERE u.id IS NULL
),
moved AS (
    DELETE FROM user_aims WHERE user_id = %(from_user)s AND NOT EXISTS (SELECT 1 FROM missing)
    RETURNING aim_id, role, permissions, joined_at
),
added AS (
    INSERT INTO user_aims (user_id, aim_id, role, permissions, joined_at)
    SELECT u.id, w.aim_id, w.role, w.permissions, w.joined_at
    FROM moved w JOIN users u ON u.id = %(into_user)s
    ORDER BY w.aim_id
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING aim_id
)
SELECT 'missing' AS outcome, id FROM missing
UNION ALL
SELECT 'added', aim_id FROM added
UNION ALL
SELECT 'moved', aim_id FROM moved;

/* useraim user_aims.merge (lock) */ SELECT useraim_lock_user(%(id)s);

/* useraim user_aims.page */ SELECT "user_id","aim_id","role","permissions","joined_at" FROM "user_aims" WHERE "role"=ANY(%(link_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND timezone('UTC',"joined_at")>=timezone('UTC',%(link_joined_from)s::timestamptz) AND timezone('UTC',"joined_at")<timezone('UTC',%(link_joined_before)s::timestamptz) AND (timezone('UTC',"joined_at"),"user_id","aim_id")<(timezone('UTC',%(place_0)s::timestamptz),%(place_1)s::uuid,%(place_2)s::uuid) ORDER BY timezone('UTC',"joined_at") DESC,"user_id" DESC,"aim_id" DESC LIMIT %(limit)s::bigint;

/* useraim user_aims.put_many */ WITH wanted (user_id, aim_id, role, permissions, joined_at) AS MATERIALIZED (
    SELECT user_id, aim_id, w.role::text, w.permissions::text[], w.joined_at::timestamptz FROM ROWS FROM (pg_catalog.unnest(%(user_ids)s::uuid[]), pg_catalog.unnest(%(aim_ids)s::uuid[]), pg_catalog.unnest(%(role)s::text[]), pg_catalog.unnest(%(permissions)s::text[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS w (user_id, aim_id, role, permissions, joined_at)
),
refused (reason, user_id, aim_id) AS MATERIALIZED (
    SELECT 'users', w.user_id, NULL::uuid
    FROM wanted w LEFT JOIN users u ON u.id = w.user_id WHERE u.id IS NULL
    UNION
    SELECT 'aims', NULL::uuid, w.aim_id
    FROM wanted w LEFT JOIN aims a ON a.id = w.aim_id WHERE a.id IS NULL
    UNION ALL
    SELECT 'held', m.user_id, m.aim_id FROM user_aims m JOIN wanted w USING (user_id, aim_id) WHERE false
),
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT u.id, w.aim_id, coalesce(w.role, 'member'), coalesce(w.permissions, '{}'), coalesce(w.joined_at, now()) FROM wanted w JOIN users u ON u.id = w.user_id
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.user_id, w.aim_id
    ON CONFLICT (user_id, aim_id) DO UPDATE SET role = CASE WHEN (m.user_id, m.aim_id) IN (SELECT user_id, aim_id FROM ROWS FROM (pg_catalog.unnest(%(user_ids)s::uuid[]), pg_catalog.unnest(%(aim_ids)s::uuid[]), pg_catalog.unnest(%(role)s::text[])) AS g (user_id, aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.role ELSE m.role END, permissions = CASE WHEN (m.user_id, m.aim_id) IN (SELECT user_id, aim_id FROM ROWS FROM (pg_catalog.unnest(%(user_ids)s::uuid[]), pg_catalog.unnest(%(aim_ids)s::uuid[]), pg_catalog.unnest(%(permissions)s::text[])) AS g (user_id, aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.permissions ELSE m.permissions END, joined_at = CASE WHEN (m.user_id, m.aim_id) IN (SELECT user_id, aim_id FROM ROWS FROM (pg_catalog.unnest(%(user_ids)s::uuid[]), pg_catalog.unnest(%(aim_ids)s::uuid[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS g (user_id, aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.joined_at ELSE m.joined_at END
    WHERE m.role OPERATOR(pg_catalog.<>) CASE WHEN (m.user_id, m.aim_id) IN (SELECT user_id, aim_id FROM ROWS FROM (pg_catalog.unnest(%(user_ids)s::uuid[]), pg_catalog.unnest(%(aim_ids)s::uuid[]), pg_catalog.unnest(%(role)s::text[])) AS g (user_id, aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.role ELSE m.role END OR m.permissions OPERATOR(pg_catalog.<>) CASE WHEN (m.user_id, m.aim_id) IN (SELECT user_id, aim_id FROM ROWS FROM (pg_catalog.unnest(%(user_ids)s::uuid[]), pg_catalog.unnest(%(aim_ids)s::uuid[]), pg_catalog.unnest(%(permissions)s::text[])) AS g (user_id, aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.permissions ELSE m.permissions END OR m.joined_at OPERATOR(pg_catalog.<>) CASE WHEN (m.user_id, m.aim_id) IN (SELECT user_id, aim_id FROM ROWS FROM (pg_catalog.unnest(%(user_ids)s::uuid[]), pg_catalog.unnest(%(aim_ids)s::uuid[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS g (user_id, aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.joined_at ELSE m.joined_at END
    RETURNING m.user_id, m.aim_id, (xmax = 0) AS inserted
)
SELECT reason AS outcome, user_id, aim_id FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, user_id, aim_id FROM put;

/* useraim user_aims.revoke */ WITH held AS MATERIALIZED (
    SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims WHERE user_id = %(user_id)s AND aim_id = %(aim_id)s FOR NO KEY UPDATE
),
updated AS (
    UPDATE user_aims m SET permissions = ARRAY(
        SELECT p FROM pg_catalog.unnest(m.permissions) WITH ORDINALITY AS g (p, n)
        WHERE p <> ALL (%(permissions)s::text[]) ORDER BY n
    )
    FROM held h
    WHERE m.user_id = %(user_id)s AND m.aim_id = %(aim_id)s AND m.user_id = h.user_id
        AND h.permissions OPERATOR(pg_catalog.&&) %(permissions)s::text[]
    RETURNING m.user_id, m.aim_id, m.role, m.permissions, m.joined_at
)
SELECT true AS updated, user_id, aim_id, role, permissions, joined_at FROM updated
UNION ALL
SELECT false, user_id, aim_id, role, permissions, joined_at FROM held WHERE NOT EXISTS (SELECT 1 FROM updated);

/* useraim user_aims.update */ WITH held AS MATERIALIZED (
    SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims WHERE user_id = %(user_id)s AND aim_id = %(aim_id)s FOR NO KEY UPDATE
),
updated AS (
    UPDATE user_aims m SET role = %(role)s::text, permissions = %(permissions)s::text[], joined_at = %(joined_at)s::timestamptz FROM held h
    WHERE m.user_id = %(user_id)s AND m.aim_id = %(aim_id)s AND m.user_id = h.user_id
        AND (%(if_role)s::text IS NULL OR h.role = %(if_role)s) AND (h.role OPERATOR(pg_catalog.<>) %(role)s::text OR h.permissions OPERATOR(pg_catalog.<>) %(permissions)s::text[] OR h.joined_at OPERATOR(pg_catalog.<>) %(joined_at)s::timestamptz)
    RETURNING m.user_id, m.aim_id, m.role, m.permissions, m.joined_at
)
SELECT true AS updated, user_id, aim_id, role, permissions, joined_at FROM updated
UNION ALL
SELECT false, user_id, aim_id, role, permissions, joined_at FROM held WHERE NOT EXISTS (SELECT 1 FROM updated);

/* useraim users.aims (hold) */ SELECT COUNT(*) FROM (SELECT useraim_hold_user_links(%(source)s) "id") "h";

/* useraim users.aims (hold_row) */ SELECT 1 FROM "users" WHERE "id"=%(id)s FOR UPDATE;

/* useraim users.aims (lock) */ SELECT useraim_lock_user(%(source)s);

/* useraim users.aims (lock_far) */ SELECT useraim_lock_aims(%(ids)s::uuid[]);

/* useraim users.aims (lock_links) */ SELECT useraim_lock_user_links(%(source)s,%(far)s::uuid[]);

/* useraim users.aims.append */ WITH wanted (aim_id, role, permissions, joined_at) AS MATERIALIZED (
    SELECT aim_id, w.role::text, w.permissions::text[], w.joined_at::timestamptz FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[]), pg_catalog.unnest(%(permissions)s::text[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS w (aim_id, role, permissions, joined_at)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT %(source)s::uuid, coalesce(w.aim_id, m.aim_id), coalesce(m.joined_at, w.joined_at, now()), coalesce(m.permissions, w.permissions, '{}'), coalesce(m.role, w.role, 'member')
    FROM (SELECT aim_id, joined_at, permissions, role FROM user_aims WHERE user_id = %(source)s) m
    FULL JOIN wanted w ON w.aim_id = m.aim_id
    WHERE w.aim_id IS NOT NULL OR NOT false
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = %(source)s FOR KEY SHARE)
    UNION ALL
    SELECT 'far', w.aim_id FROM wanted w LEFT JOIN aims f ON f.id = w.aim_id WHERE f.id IS NULL
    UNION ALL
    SELECT 'held', m.aim_id FROM user_aims m
    WHERE false AND m.user_id = %(source)s AND m.aim_id = ANY (%(far)s::uuid[])
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."aim_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."user_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE "after"."user_id"="r"."id" GROUP BY "after"."user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims m
    WHERE false AND m.user_id = %(source)s
        AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.aim_id = m.aim_id)
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING m.aim_id
),
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT s.id, w.aim_id, coalesce(w.role, 'member'), coalesce(w.permissions, '{}'), coalesce(w.joined_at, now()) FROM wanted w JOIN users s ON s.id = %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.aim_id
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING m.aim_id, (xmax = 0) AS inserted
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, aim_id FROM put
UNION ALL
SELECT 'removed', aim_id FROM removed;

/* useraim users.aims.clear */ WITH ruled (id) AS (
    SELECT %(source)s::uuid
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT user_id, aim_id, joined_at, permissions, role FROM user_aims
    WHERE NOT true AND user_id = %(source)s AND aim_id NOT IN (SELECT pg_catalog.unnest(%(far)s::uuid[]))
),

refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."aim_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."user_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE "after"."user_id"="r"."id" GROUP BY "after"."user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims
    WHERE user_id = %(source)s AND (true OR aim_id = ANY (%(far)s::uuid[]))
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING aim_id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', aim_id FROM removed;

/* useraim users.aims.common */ SELECT "id","title","description","created_at","updated_at" FROM "aims" WHERE "id"=ANY(ARRAY((SELECT "aim_id" FROM "user_aims" WHERE "user_id"=ANY(%(sources)s::uuid[]) AND "role"=ANY(%(link_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "joined_at">=%(link_joined_from)s::timestamptz AND "joined_at"<%(link_joined_before)s::timestamptz GROUP BY "aim_id" HAVING COUNT(*)=%(count)s::bigint))) ORDER BY "title","id";

/* useraim users.aims.count */ SELECT pg_catalog.string_agg(pg_catalog.uuid_send("c"."id") OPERATOR(pg_catalog.||) pg_catalog.int8send("c"."links"),'') FROM (SELECT "m"."user_id" "id",COUNT(*) "links" FROM "user_aims" "m" WHERE "m"."user_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz GROUP BY "m"."user_id") "c";

/* useraim users.aims.count_by_role */ SELECT "m"."user_id","m"."role",COUNT(*) FROM "user_aims" "m" WHERE "m"."user_id"=ANY(%(sources)s::uuid[]) GROUP BY "m"."user_id","m"."role" ORDER BY "m"."user_id","m"."role";

/* useraim users.aims.create */ WITH new (id, title, description) AS MATERIALIZED (
    SELECT n.id, title, description FROM ROWS FROM (pg_catalog.unnest(%(ids)s::uuid[]), pg_catalog.unnest(%(new_title)s::text[]), pg_catalog.unnest(%(new_description)s::text[])) AS n (id, title, description)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT user_id, aim_id, joined_at, permissions, role FROM user_aims WHERE user_id = %(source)s
    UNION ALL
    SELECT %(source)s::uuid, n.id, %(joined_at)s::timestamptz, %(permissions)s::text[], %(role)s::text FROM new n
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'aims_pkey', t.id FROM aims t WHERE t.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT 'aims_title_key', t.id FROM aims t JOIN new n ON LOWER(LOWER("t"."title" COLLATE "C") COLLATE "default") = LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") WHERE false
    UNION ALL
    SELECT 'aims_title_key', n.id FROM new n
    WHERE false AND LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") IN (SELECT LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") FROM new n GROUP BY LOWER(LOWER("n"."title" COLLATE "C") COLLATE "default") HAVING count(*) > 1)
    UNION ALL
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = %(source)s FOR KEY SHARE)
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."aim_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."user_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE "after"."user_id"="r"."id" GROUP BY "after"."user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
added AS (
    INSERT INTO aims (id, title, description)
    SELECT n.id, title, description FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING id, title, description, created_at, updated_at
),
linked AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT s.id, a.id, %(role)s::text, %(permissions)s::text[], %(joined_at)s::timestamptz FROM added a JOIN users s ON s.id = %(source)s ORDER BY a.id
    RETURNING m.aim_id, m.role, m.permissions, m.joined_at
)
SELECT r.reason, r.id AS refused_id, a.id, a.title, a.description, a.created_at, a.updated_at, m.role, m.permissions, m.joined_at
FROM (added a JOIN linked m ON m.aim_id = a.id) FULL JOIN refused r ON false;

/* useraim users.aims.direct_control */ WITH held (id) AS MATERIALIZED (
    SELECT h.id FROM useraim_hold_user_links(%(source)s) AS h (id)
),
kept (id, title, description) AS MATERIALIZED (
    SELECT k.id, title, description FROM ROWS FROM (pg_catalog.unnest(%(kept)s::uuid[]), pg_catalog.unnest(%(kept_title)s::text[]), pg_catalog.unnest(%(kept_description)s::text[])) AS k (id, title, description)
),
new (id, title, description) AS MATERIALIZED (
    SELECT n.id, title, description FROM ROWS FROM (pg_catalog.unnest(%(ids)s::uuid[]), pg_catalog.unnest(%(new_title)s::text[]), pg_catalog.unnest(%(new_description)s::text[])) AS n (id, title, description)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT user_id, aim_id, joined_at, permissions, role FROM user_aims
    WHERE user_id = %(source)s AND aim_id IN (SELECT id FROM kept)
    UNION ALL
    SELECT %(source)s::uuid, n.id, now(), '{}', 'member' FROM new n
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = %(source)s)
    UNION ALL
    SELECT CASE WHEN f.id IS NULL THEN 'far' ELSE 'absent' END, k.id
    FROM kept k LEFT JOIN aims f ON f.id = k.id
    WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.id = k.id)
    UNION ALL
    SELECT 'aims_pkey', f.id FROM aims f WHERE f.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT 'aims_title_key', f.id
    FROM aims f JOIN (SELECT id, title FROM new UNION ALL SELECT id, title FROM kept) w
        ON LOWER(LOWER("f"."title" COLLATE "C") COLLATE "default") = LOWER(LOWER("w"."title" COLLATE "C") COLLATE "default") AND f.id <> w.id
    WHERE false
    UNION ALL
    SELECT 'aims_title_key', w.id
    FROM (SELECT id, title FROM new UNION ALL SELECT id, title FROM kept) w
    WHERE false AND LOWER(LOWER("w"."title" COLLATE "C") COLLATE "default") IN (
        SELECT LOWER(LOWER("w"."title" COLLATE "C") COLLATE "default") FROM (SELECT title FROM new UNION ALL SELECT title FROM kept) w
        GROUP BY LOWER(LOWER("w"."title" COLLATE "C") COLLATE "default") HAVING count(*) > 1
    )
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."aim_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."user_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE "after"."user_id"="r"."id" GROUP BY "after"."user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM aims WHERE id IN (SELECT id FROM held EXCEPT SELECT id FROM kept)
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING id
),
updated AS (
    UPDATE aims f SET title = coalesce(k.title, f.title), description = coalesce(k.description, f.description), updated_at = now() FROM kept k
    WHERE f.id = k.id AND NOT EXISTS (SELECT 1 FROM refused) AND (f.title OPERATOR(pg_catalog.<>) coalesce(k.title, f.title) OR f.description OPERATOR(pg_catalog.<>) coalesce(k.description, f.description))
    RETURNING f.id
),
created AS (
    INSERT INTO aims (id, title, description)
    SELECT n.id, title, description FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING id
),
added AS (
    INSERT INTO user_aims AS m (user_id, aim_id)
    SELECT s.id, c.id FROM created c JOIN users s ON s.id = %(source)s ORDER BY c.id
    RETURNING m.aim_id AS id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', id FROM removed
UNION ALL
SELECT 'updated', id FROM updated
UNION ALL
SELECT 'added', id FROM added;

/* useraim users.aims.frame */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."user_id"),''),pg_catalog.string_agg(pg_catalog.uuid_send("r"."aim_id"),''),pg_catalog.string_agg("r"."role",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."role")),''),pg_catalog.string_agg("r"."permissions",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."permissions")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."joined_at"),''),pg_catalog.string_agg("r"."title",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."title")),''),pg_catalog.string_agg("r"."description",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."description")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "m"."user_id" "user_id","m"."aim_id" "aim_id",pg_catalog.convert_to(CAST("m"."role" AS TEXT),'UTF8') "role",pg_catalog.convert_to(CAST("m"."permissions" AS TEXT),'UTF8') "permissions","m"."joined_at" "joined_at",pg_catalog.convert_to(CAST("f"."title" AS TEXT),'UTF8') "title",pg_catalog.convert_to(CAST("f"."description" AS TEXT),'UTF8') "description","f"."created_at" "created_at","f"."updated_at" "updated_at" FROM "user_aims" "m" JOIN "aims" "f" ON "f"."id"="m"."aim_id" WHERE "m"."user_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz OFFSET '0') "r";

/* useraim users.aims.frames */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."user_id"),''),pg_catalog.string_agg(pg_catalog.uuid_send("r"."aim_id"),''),pg_catalog.string_agg("r"."role",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."role")),''),pg_catalog.string_agg("r"."permissions",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."permissions")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."joined_at"),''),pg_catalog.string_agg("r"."title",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."title")),''),pg_catalog.string_agg("r"."description",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."description")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "m"."user_id" "user_id","m"."aim_id" "aim_id",pg_catalog.convert_to(CAST("m"."role" AS TEXT),'UTF8') "role",pg_catalog.convert_to(CAST("m"."permissions" AS TEXT),'UTF8') "permissions","m"."joined_at" "joined_at",pg_catalog.convert_to(CAST("f"."title" AS TEXT),'UTF8') "title",pg_catalog.convert_to(CAST("f"."description" AS TEXT),'UTF8') "description","f"."created_at" "created_at","f"."updated_at" "updated_at" FROM "user_aims" "m" JOIN "aims" "f" ON "f"."id"="m"."aim_id" WHERE "m"."user_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz AND ("m"."user_id","m"."aim_id")>(%(place_0)s::uuid,%(place_1)s::uuid) ORDER BY "m"."user_id" ASC,"m"."aim_id" ASC LIMIT %(limit)s::bigint) "r";

/* useraim users.aims.has */ SELECT EXISTS (SELECT 1 FROM "user_aims" "m" WHERE "m"."user_id"=%(source)s AND "m"."aim_id"=%(far)s AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz);

/* useraim users.aims.load */ WITH links (source, far, role, permissions, joined_at, place) AS MATERIALIZED (
SELECT "n"."user_id","n"."aim_id","n"."role","n"."permissions","n"."joined_at","n"."place" FROM (SELECT "m"."user_id","m"."aim_id","m"."role","m"."permissions","m"."joined_at",ROW_NUMBER() OVER(PARTITION BY "m"."user_id" ORDER BY "f"."created_at" DESC,"m"."aim_id" DESC) "place" FROM "user_aims" "m" JOIN "aims" "f" ON "f"."id"="m"."aim_id" WHERE "m"."user_id"=ANY(%(sources)s::uuid[]) AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz) "n" WHERE "n"."place">%(offset)s::bigint AND "n"."place"<=COALESCE(%(last)s::bigint,"n"."place")
ORDER BY 6 ASC NULLS FIRST, 2 ASC
)
SELECT uuid_send(r.source), uuid_send(r.far), role, permissions, joined_at, id, title, description, created_at, updated_at
FROM (
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, id, title, description, created_at, updated_at FROM aims WHERE id = ANY (ARRAY(SELECT DISTINCT far FROM links))
    UNION ALL
    SELECT source, far, role, permissions, joined_at, place, NULL, NULL, NULL, NULL, NULL FROM links
) AS r (source, far, role, permissions, joined_at, place, id, title, description, created_at, updated_at)
ORDER BY r.place ASC NULLS FIRST, r.far ASC;

/* useraim users.aims.of */ SELECT "m"."role","m"."permissions","m"."joined_at","f"."id","f"."title","f"."description","f"."created_at","f"."updated_at" FROM "user_aims" "m" JOIN "aims" "f" ON "f"."id"="m"."aim_id" WHERE "m"."user_id"=%(source)s AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz ORDER BY "f"."created_at" DESC,"m"."aim_id" DESC LIMIT %(last)s::bigint-%(offset)s::bigint OFFSET %(offset)s::bigint;

/* useraim users.aims.page */ SELECT "m"."role","m"."permissions","m"."joined_at","f"."id","f"."title","f"."description","f"."created_at","f"."updated_at" FROM "user_aims" "m" JOIN "aims" "f" ON "f"."id"="m"."aim_id" WHERE "m"."user_id"=%(source)s AND "m"."role"=ANY(%(link_roles)s::text[]) AND "m"."permissions" OPERATOR(pg_catalog.@>) %(link_permissions)s::text[] AND "m"."joined_at">=%(link_joined_from)s::timestamptz AND "m"."joined_at"<%(link_joined_before)s::timestamptz AND ("f"."created_at","m"."aim_id")<(%(place_0)s::timestamptz,%(place_1)s::uuid) ORDER BY "f"."created_at" DESC,"m"."aim_id" DESC LIMIT %(limit)s::bigint;

/* useraim users.aims.remove */ WITH ruled (id) AS (
    SELECT %(source)s::uuid
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT user_id, aim_id, joined_at, permissions, role FROM user_aims
    WHERE NOT false AND user_id = %(source)s AND aim_id NOT IN (SELECT pg_catalog.unnest(%(far)s::uuid[]))
),

refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."aim_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."user_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE "after"."user_id"="r"."id" GROUP BY "after"."user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims
    WHERE user_id = %(source)s AND (false OR aim_id = ANY (%(far)s::uuid[]))
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING aim_id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'removed', aim_id FROM removed;

/* useraim users.aims.replace */ WITH wanted (aim_id, role, permissions, joined_at) AS MATERIALIZED (
    SELECT aim_id, w.role::text, w.permissions::text[], w.joined_at::timestamptz FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[]), pg_catalog.unnest(%(permissions)s::text[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS w (aim_id, role, permissions, joined_at)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT %(source)s::uuid, coalesce(w.aim_id, m.aim_id), coalesce(m.joined_at, w.joined_at, now()), coalesce(m.permissions, w.permissions, '{}'), coalesce(m.role, w.role, 'member')
    FROM (SELECT aim_id, joined_at, permissions, role FROM user_aims WHERE user_id = %(source)s) m
    FULL JOIN wanted w ON w.aim_id = m.aim_id
    WHERE w.aim_id IS NOT NULL OR NOT true
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'source', %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = %(source)s FOR KEY SHARE)
    UNION ALL
    SELECT 'far', w.aim_id FROM wanted w LEFT JOIN aims f ON f.id = w.aim_id WHERE f.id IS NULL
    UNION ALL
    SELECT 'held', m.aim_id FROM user_aims m
    WHERE false AND m.user_id = %(source)s AND m.aim_id = ANY (%(far)s::uuid[])
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."aim_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."user_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE "after"."user_id"="r"."id" GROUP BY "after"."user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
removed AS (
    DELETE FROM user_aims m
    WHERE true AND m.user_id = %(source)s
        AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.aim_id = m.aim_id)
        AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING m.aim_id
),
put AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT s.id, w.aim_id, coalesce(w.role, 'member'), coalesce(w.permissions, '{}'), coalesce(w.joined_at, now()) FROM wanted w JOIN users s ON s.id = %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.aim_id
    ON CONFLICT (user_id, aim_id) DO NOTHING
    RETURNING m.aim_id, (xmax = 0) AS inserted
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT CASE WHEN inserted THEN 'added' ELSE 'updated' END, aim_id FROM put
UNION ALL
SELECT 'removed', aim_id FROM removed;

/* useraim users.aims.update */ WITH wanted (aim_id, role, permissions, joined_at) AS MATERIALIZED (
    SELECT aim_id, w.role::text, w.permissions::text[], w.joined_at::timestamptz FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[]), pg_catalog.unnest(%(permissions)s::text[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS w (aim_id, role, permissions, joined_at)
),
ruled (id) AS (
    SELECT %(source)s::uuid
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT %(source)s::uuid, coalesce(w.aim_id, m.aim_id), coalesce(w.joined_at, m.joined_at, now()), coalesce(w.permissions, m.permissions, '{}'), coalesce(w.role, m.role, 'member')
    FROM (SELECT aim_id, joined_at, permissions, role FROM user_aims WHERE user_id = %(source)s) m
    FULL JOIN wanted w ON w.aim_id = m.aim_id
    WHERE w.aim_id IS NOT NULL OR NOT false
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'absent', w.aim_id FROM wanted w
    WHERE w.aim_id NOT IN (
        SELECT m.aim_id FROM user_aims m WHERE m.user_id = %(source)s AND m.aim_id = ANY (%(far)s::uuid[])
    )
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE ("after"."role"=ANY(%(must2_roles)s::text[]) AND "after"."permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "after"."joined_at">=%(must2_joined_from)s::timestamptz AND "after"."joined_at"<%(must2_joined_before)s::timestamptz AND "after"."aim_id"=ANY(%(must2_ids)s::uuid[]) AND "after"."user_id"="r"."id"))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "user_id" FROM "after" WHERE "user_id" IN (SELECT "user_id" FROM "after" WHERE "aim_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "user_id" "id",COUNT(*) "links" FROM "after" GROUP BY "user_id") "c" ON "c"."id"="r"."id" WHERE NOT EXISTS (SELECT "after"."user_id" FROM "after" WHERE "after"."user_id"="r"."id" GROUP BY "after"."user_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
updated AS (
    INSERT INTO user_aims AS m (user_id, aim_id, role, permissions, joined_at)
    SELECT s.id, w.aim_id, coalesce(w.role, 'member'), coalesce(w.permissions, '{}'), coalesce(w.joined_at, now()) FROM wanted w JOIN users s ON s.id = %(source)s::uuid
    WHERE NOT EXISTS (SELECT 1 FROM refused)
    ORDER BY w.aim_id
    ON CONFLICT (user_id, aim_id) DO UPDATE SET role = CASE WHEN (m.aim_id) IN (SELECT aim_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[])) AS g (aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.role ELSE m.role END, permissions = CASE WHEN (m.aim_id) IN (SELECT aim_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(permissions)s::text[])) AS g (aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.permissions ELSE m.permissions END, joined_at = CASE WHEN (m.aim_id) IN (SELECT aim_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS g (aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.joined_at ELSE m.joined_at END
    WHERE m.role OPERATOR(pg_catalog.<>) CASE WHEN (m.aim_id) IN (SELECT aim_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(role)s::text[])) AS g (aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.role ELSE m.role END OR m.permissions OPERATOR(pg_catalog.<>) CASE WHEN (m.aim_id) IN (SELECT aim_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(permissions)s::text[])) AS g (aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.permissions ELSE m.permissions END OR m.joined_at OPERATOR(pg_catalog.<>) CASE WHEN (m.aim_id) IN (SELECT aim_id FROM ROWS FROM (pg_catalog.unnest(%(far)s::uuid[]), pg_catalog.unnest(%(joined_at)s::timestamptz[])) AS g (aim_id, given) WHERE given IS NOT NULL)
    THEN excluded.joined_at ELSE m.joined_at END
    RETURNING m.aim_id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'updated', aim_id FROM updated;

/* useraim users.aims.version */ SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
    coalesce(pg_catalog.string_agg(ROW(m.aim_id, m.role, m.permissions, extract(epoch FROM m.joined_at))::text, ',' ORDER BY m.aim_id), ''), pg_catalog.getdatabaseencoding()
)), 'hex') AS version
FROM user_aims m WHERE m.user_id = %(source)s;

/* useraim users.count */ SELECT COUNT(*) FROM "users" WHERE "id" IN (SELECT "user_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "aim_id"=ANY(%(where0_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(where0_count)s::bigint) AND "id" IN (SELECT "user_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "user_id" IN (SELECT "user_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "aim_id"=ANY(%(where0_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(where0_count)s::bigint) AND "id" IN (SELECT "user_id" FROM "user_aims" WHERE "aim_id"=ANY(%(where1_ids)s::uuid[]));

/* useraim users.create */ WITH added AS (
    INSERT INTO users (id, name, email)
    SELECT %(id)s, %(name)s, %(email)s
    WHERE true  AND NOT EXISTS (SELECT 1 FROM users t WHERE LOWER(LOWER("t"."email" COLLATE "C") COLLATE "default") = LOWER(LOWER(%(email)s::text COLLATE "C") COLLATE "default"))
    ON CONFLICT  DO NOTHING
    RETURNING id, name, email, created_at, updated_at
)
SELECT
    CASE WHEN id IS NULL THEN (SELECT id FROM users WHERE id = %(id)s) END AS same_id,
    CASE WHEN id IS NULL THEN (SELECT t.id FROM users t WHERE true AND LOWER(LOWER("t"."email" COLLATE "C") COLLATE "default") = LOWER(LOWER(%(email)s::text COLLATE "C") COLLATE "default")) END AS same_value,
    id, name, email, created_at, updated_at
FROM (SELECT 1) AS one LEFT JOIN added ON true;

/* useraim users.create_many */ WITH new (id, name, email) AS MATERIALIZED (
    SELECT n.id, name, email FROM ROWS FROM (pg_catalog.unnest(%(ids)s::uuid[]), pg_catalog.unnest(%(new_name)s::text[]), pg_catalog.unnest(%(new_email)s::text[])) AS n (id, name, email)
),
refused (reason, id) AS MATERIALIZED (
    SELECT 'users_pkey', t.id FROM users t WHERE t.id = ANY (%(ids)s::uuid[])
    UNION ALL
    SELECT 'users_email_key', t.id FROM users t JOIN new n ON LOWER(LOWER("t"."email" COLLATE "C") COLLATE "default") = LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") WHERE true
    UNION ALL
    SELECT 'users_email_key', n.id FROM new n
    WHERE true AND LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") IN (SELECT LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") FROM new n GROUP BY LOWER(LOWER("n"."email" COLLATE "C") COLLATE "default") HAVING count(*) > 1)
),
added AS (
    INSERT INTO users (id, name, email)
    SELECT n.id, name, email FROM new n WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY n.id
    RETURNING id, name, email, created_at, updated_at
)
SELECT r.reason, r.id AS refused_id, a.id, a.name, a.email, a.created_at, a.updated_at FROM added a FULL JOIN refused r ON false;

/* useraim users.delete */ DELETE FROM "users" WHERE "id"=%(id)s RETURNING "id";

/* useraim users.delete (lock) */ SELECT useraim_lock_aims(ARRAY((SELECT DISTINCT "aim_id" FROM "user_aims" WHERE "user_id"=ANY(%(ids)s::uuid[]) ORDER BY "aim_id")));

/* useraim users.delete_many */ WITH ruled (id) AS MATERIALIZED (
    SELECT DISTINCT aim_id FROM user_aims WHERE user_id = ANY (%(ids)s::uuid[])
),
after (user_id, aim_id, joined_at, permissions, role) AS MATERIALIZED (
    SELECT user_id, aim_id, joined_at, permissions, role FROM user_aims
    WHERE aim_id = ANY (ARRAY(SELECT id FROM ruled)) AND user_id NOT IN (SELECT pg_catalog.unnest(%(ids)s::uuid[]))
),

refused (reason, id) AS MATERIALIZED (
    SELECT NULL, NULL::uuid WHERE false
    UNION ALL
SELECT pg_catalog.concat('rule 0 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must0_ids)s::uuid[]))
UNION ALL
SELECT pg_catalog.concat('rule 1 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must1_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must1_count)s::bigint)
UNION ALL
SELECT pg_catalog.concat('rule 2 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" WHERE "role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN ((SELECT "id" FROM "ruled") EXCEPT (SELECT "aim_id" FROM "after" WHERE ("role"=ANY(%(must2_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(must2_permissions)s::text[] AND "joined_at">=%(must2_joined_from)s::timestamptz AND "joined_at"<%(must2_joined_before)s::timestamptz AND "user_id"=ANY(%(must2_ids)s::uuid[]))))
UNION ALL
SELECT pg_catalog.concat('rule 3 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT ("r"."id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[]) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint) AND "r"."id" IN (SELECT "aim_id" FROM "after" WHERE "aim_id" IN (SELECT "aim_id" FROM "after" WHERE "user_id"=ANY(%(must3_ids)s::uuid[])) GROUP BY "aim_id" HAVING COUNT(*)=%(must3_count)s::bigint))
UNION ALL
SELECT pg_catalog.concat('rule 4 ',COALESCE("c"."links",0)),"r"."id" FROM "ruled" "r" LEFT JOIN (SELECT "aim_id" "id",COUNT(*) "links" FROM "after" GROUP BY "aim_id") "c" ON "c"."id"="r"."id" WHERE NOT "r"."id" IN (SELECT "aim_id" FROM "after" GROUP BY "aim_id" HAVING COUNT(*) BETWEEN %(must4_at_least)s::bigint AND %(must4_at_most)s::bigint)
),
deleted AS (
    DELETE FROM users WHERE id = ANY (%(ids)s::uuid[]) AND NOT EXISTS (SELECT 1 FROM refused)
    RETURNING id
)
SELECT reason AS outcome, id FROM refused
UNION ALL
SELECT 'deleted', id FROM deleted;

/* useraim users.ensure */ INSERT INTO "users" ("id","email","name") SELECT %(id)s,%(email)s,%(name)s WHERE NOT EXISTS (SELECT 1 FROM "users" WHERE LOWER(LOWER("email" COLLATE "C") COLLATE "default")=LOWER(LOWER(%(email)s::text COLLATE "C") COLLATE "default")) ON CONFLICT DO NOTHING RETURNING "id";

/* useraim users.ensure (found) */ SELECT "id","name","email","created_at","updated_at" FROM "users" WHERE LOWER(LOWER("email" COLLATE "C") COLLATE "default")=LOWER(LOWER(%(email)s::text COLLATE "C") COLLATE "default");

/* useraim users.exists */ SELECT "id" FROM "users" WHERE "id"=%(id)s;

/* useraim users.find_by_email */ SELECT "id","name","email","created_at","updated_at" FROM "users" WHERE LOWER(LOWER("email" COLLATE "C") COLLATE "default")=LOWER(LOWER(%(email)s::text COLLATE "C") COLLATE "default");

/* useraim users.find_many */ SELECT "id","name","email","created_at","updated_at" FROM "users" WHERE "id"=ANY(%(ids)s::uuid[]);

/* useraim users.frame */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."id"),''),pg_catalog.string_agg("r"."name",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."name")),''),pg_catalog.string_agg("r"."email",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."email")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "id" "id",pg_catalog.convert_to(CAST("name" AS TEXT),'UTF8') "name",pg_catalog.convert_to(CAST("email" AS TEXT),'UTF8') "email","created_at" "created_at","updated_at" "updated_at" FROM "users" WHERE "id" IN (SELECT "user_id" FROM "user_aims" WHERE "aim_id"=ANY(%(where0_ids)s::uuid[])) AND ("name" ILIKE %(pattern)s OR "email" ILIKE %(pattern)s) OFFSET '0') "r";

/* useraim users.frames */ SELECT COUNT(*),pg_catalog.string_agg(pg_catalog.uuid_send("r"."id"),''),pg_catalog.string_agg("r"."name",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."name")),''),pg_catalog.string_agg("r"."email",''),pg_catalog.string_agg(pg_catalog.int4send(pg_catalog.octet_length("r"."email")),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."created_at"),''),pg_catalog.string_agg(pg_catalog.timestamptz_send("r"."updated_at"),'') FROM (SELECT "id" "id",pg_catalog.convert_to(CAST("name" AS TEXT),'UTF8') "name",pg_catalog.convert_to(CAST("email" AS TEXT),'UTF8') "email","created_at" "created_at","updated_at" "updated_at" FROM "users" WHERE "id" IN (SELECT "user_id" FROM "user_aims" WHERE "aim_id"=ANY(%(where0_ids)s::uuid[])) AND ("name" ILIKE %(pattern)s OR "email" ILIKE %(pattern)s) AND ("id")>(%(place_0)s::uuid) ORDER BY "id" ASC LIMIT %(limit)s::bigint) "r";

/* useraim users.get */ SELECT "id","name","email","created_at","updated_at" FROM "users" WHERE "id"=%(id)s;

/* useraim users.page */ SELECT "id","name","email","created_at","updated_at" FROM "users" WHERE "id" IN (SELECT "user_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "aim_id"=ANY(%(where0_ids)s::uuid[]) GROUP BY "user_id" HAVING COUNT(*)=%(where0_count)s::bigint) AND "id" IN (SELECT "user_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "user_id" IN (SELECT "user_id" FROM "user_aims" WHERE "role"=ANY(%(where0_roles)s::text[]) AND "permissions" OPERATOR(pg_catalog.@>) %(where0_permissions)s::text[] AND "joined_at">=%(where0_joined_from)s::timestamptz AND "joined_at"<%(where0_joined_before)s::timestamptz AND "aim_id"=ANY(%(where0_ids)s::uuid[])) GROUP BY "user_id" HAVING COUNT(*)=%(where0_count)s::bigint) ORDER BY "created_at" ASC,"id" ASC LIMIT %(limit)s::bigint;

/* useraim users.similar */ WITH mine AS MATERIALIZED (
    SELECT aim_id FROM user_aims WHERE user_id = %(user)s
),
sharing AS MATERIALIZED (
    SELECT user_id, count(*) AS shared FROM user_aims
    WHERE aim_id IN (SELECT aim_id FROM mine) AND user_id <> %(user)s
    GROUP BY user_id
),
holding AS MATERIALIZED (
    SELECT user_id, count(*) AS held FROM user_aims
    WHERE user_id = ANY (ARRAY(SELECT user_id FROM sharing))
    GROUP BY user_id
),
alike AS MATERIALIZED (
    SELECT s.user_id, s.shared::numeric / ((SELECT count(*) FROM mine) + h.held - s.shared) AS likeness
    FROM sharing s JOIN holding h ON h.user_id = s.user_id
),
best AS MATERIALIZED (
    SELECT user_id, likeness FROM alike ORDER BY likeness DESC, user_id LIMIT %(limit)s::bigint
)
SELECT u.id, u.name, u.email, u.created_at, u.updated_at FROM best b JOIN users u ON u.id = b.user_id ORDER BY b.likeness DESC, u.id;

/* useraim users.suggest_aims */ WITH mine AS MATERIALIZED (
    SELECT aim_id FROM user_aims WHERE user_id = %(user)s
),
sharing AS MATERIALIZED (
    SELECT user_id, count(*) AS shared FROM user_aims
    WHERE aim_id IN (SELECT aim_id FROM mine) AND user_id <> %(user)s
    GROUP BY user_id
),
holding AS MATERIALIZED (
    SELECT user_id, count(*) AS held FROM user_aims
    WHERE user_id = ANY (ARRAY(SELECT user_id FROM sharing))
    GROUP BY user_id
),
alike AS MATERIALIZED (
    SELECT s.user_id, s.shared::numeric / ((SELECT count(*) FROM mine) + h.held - s.shared) AS likeness
    FROM sharing s JOIN holding h ON h.user_id = s.user_id
),
best AS MATERIALIZED (
    SELECT m.aim_id, sum(l.likeness) AS score FROM user_aims m JOIN alike l ON l.user_id = m.user_id
    WHERE m.user_id = ANY (ARRAY(SELECT user_id FROM alike)) AND m.aim_id NOT IN (SELECT aim_id FROM mine)
    GROUP BY m.aim_id
    ORDER BY score DESC, m.aim_id
    LIMIT %(limit)s::bigint
)
SELECT a.id, a.title, a.description, a.created_at, a.updated_at FROM best b JOIN aims a ON a.id = b.aim_id ORDER BY b.score DESC, a.id;

/* useraim users.update */ WITH held AS MATERIALIZED (
    SELECT id, name, email, created_at, updated_at FROM users WHERE id = %(id)s FOR NO KEY UPDATE
),
taken AS (
    SELECT t.id FROM users t WHERE true AND LOWER(LOWER("t"."email" COLLATE "C") COLLATE "default") = LOWER(LOWER(%(email)s::text COLLATE "C") COLLATE "default") AND t.id <> %(id)s
),
updated AS (
    UPDATE users t SET name = %(name)s::text, email = %(email)s::text, updated_at = now() FROM held h
    WHERE t.id = %(id)s AND t.id = h.id AND NOT EXISTS (SELECT 1 FROM taken) AND (h.name OPERATOR(pg_catalog.<>) %(name)s::text OR h.email OPERATOR(pg_catalog.<>) %(email)s::text)
    RETURNING t.id, t.name, t.email, t.created_at, t.updated_at
)
SELECT (SELECT id FROM taken LIMIT 1) AS taken, id, name, email, created_at, updated_at FROM updated
UNION ALL
SELECT (SELECT id FROM taken LIMIT 1), id, name, email, created_at, updated_at FROM held WHERE NOT EXISTS (SELECT 1 FROM updated);

