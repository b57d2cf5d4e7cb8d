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
