-- What holds off other writers of one source's whole set of links, but not of its single links, until the transaction
-- ends. A bare SELECT … FOR NO KEY UPDATE would do on one server, but Citus lets go of its lock between the statements of a
-- pipeline unless a transaction was begun, and BEGIN and COMMIT take longer than the function.
-- depends: useraim_0007_index_user_aims_by_joined_at

CREATE OR REPLACE FUNCTION useraim_lock_user(source uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM users WHERE id = source FOR NO KEY UPDATE;
END
$$;

CREATE OR REPLACE FUNCTION useraim_lock_aim(source uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM aims WHERE id = source FOR NO KEY UPDATE;
END
$$;
